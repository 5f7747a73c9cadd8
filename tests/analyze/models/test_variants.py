from dataclasses import replace

import pytest

from kdbench.analyze import recommend, summarize
from kdbench.results import ResultSet
from kdbench.results.records import DriftFacts
from tests.records import Shape, make_results


def on_a_processor(instructions: list[str] | None, *, reduce_range: bool, flips: int = 0) -> ResultSet:
    """A run whose int8 files were made on such a processor, and changed so many answers each."""
    results = make_results(Shape(variants=("fp32", "int8_static")))
    artifacts = {
        key: artifact
        if artifact.label == "fp32"
        else artifact.model_copy(
            update={
                "variant": {**artifact.variant, "reduce_range": reduce_range},
                "machine": {**artifact.machine, "instruction_set": instructions},
                "drift": DriftFacts(largest=0.1, flips=flips, samples=1000),
            }
        )
        for key, artifact in results.artifacts.items()
    }
    return replace(results, artifacts=artifacts)


@pytest.mark.parametrize(
    ("instructions", "reduce_range", "saturates"),
    [
        (["avx2", "fma"], False, True),
        (["avx2", "fma"], True, False),
        (["avx2", "avx_vnni"], False, False),
        (["asimd"], False, False),
        (None, False, False),  # nothing is claimed of a processor that is not known
    ],
)
def test_only_weights_of_eight_bits_on_avx2_without_vnni_saturate(
    instructions: list[str] | None, reduce_range: bool, saturates: bool
) -> None:
    summary = summarize(on_a_processor(instructions, reduce_range=reduce_range))
    assert {row.saturates for row in summary.variants} == {saturates}
    assert any("saturate" in caveat for caveat in recommend(summary).caveats) == saturates


@pytest.mark.parametrize(("flips", "damaged"), [(20, False), (21, True)])
def test_changed_answers_are_a_share_of_the_test_samples(flips: int, damaged: bool) -> None:
    summary = summarize(on_a_processor(["avx512_vnni"], reduce_range=False, flips=flips))
    assert summary.variants
    for row in summary.variants:
        assert row.flips == flips / 1000
        exported = row.top1.mean - row.change.estimate.mean if row.change else 0
        assert row.kept == pytest.approx(row.top1.mean / exported)
        assert row.damaged == (damaged or row.kept < 0.99)
