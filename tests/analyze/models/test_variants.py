"""Variants against the exported models they were made from, and what is said of those that lose too much."""

from dataclasses import replace

import numpy as np
import pytest

from kdbench.analyze import recommend, summarize
from kdbench.results import ResultSet
from kdbench.results.predictions import pack_bits
from kdbench.results.records import DriftFacts, EvaluationRecord
from tests.records import Shape, edited, make_results

SHAPE = Shape(seeds=2, variants=("fp32", "fp16", "int8_static"))


def test_rows_are_variant_by_variant_then_pair_by_pair() -> None:
    rows = summarize(make_results(SHAPE)).variants
    assert [(row.variant, row.role, row.row) for row in rows] == [
        (variant, role, row)
        for variant in ("fp16", "int8_static")
        for role, row in (("teacher", "cross_entropy"), ("student", "cross_entropy"), ("student", "kd"))
    ]
    # Half the bytes in half precision and a quarter in 8 bits; a variant takes .7 of the time.
    assert [row.smaller for row in rows] == pytest.approx([2, 2, 2, 4, 4, 4])
    assert all(row.latency is not None and 0.65 < row.latency.estimate < 0.75 for row in rows)
    assert {row.largest_drift for row in rows} == {0.05}


def test_changes_are_paired_by_seed_and_compared_with_the_student_alone() -> None:
    results = make_results(SHAPE)
    summary = summarize(results)
    kd = next(row for row in summary.variants if (row.variant, row.row) == ("fp16", "kd"))
    exported = next(row for row in summary.students if row.row == "kd")
    changes = [made - was for made, was in zip(kd.top1.values, exported.top1.values, strict=True)]
    assert kd.change.values == pytest.approx(changes)
    assert kd.against_alone is not None
    alone = next(
        row for row in summary.variants if (row.variant, row.row, row.role[0]) == ("fp16", "cross_entropy", "s")
    )
    assert alone.against_alone is None
    own = alone.change.values
    assert kd.against_alone.values == pytest.approx([c - a for c, a in zip(changes, own, strict=True)])


def test_a_seed_without_the_variant_is_left_out() -> None:
    results = make_results(SHAPE)
    key = next(entry.key for entry in results.run.entries if (entry.row, entry.seed) == ("kd", 1))
    kept = edited(results, artifacts=lambda made: None if (made.trial, made.label) == (key, "fp16") else made)
    kd = next(row for row in summarize(kept).variants if (row.variant, row.row) == ("fp16", "kd"))
    assert len(kd.top1.values) == 1


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
        exported = row.top1.mean - row.change.mean
        assert row.kept == pytest.approx(row.top1.mean / exported)
        assert row.damaged == (damaged or row.kept < 0.99)


def with_losses(lost: dict[str, float], seeds: int = 5) -> ResultSet:
    """Students right on all of 10,000 samples, whose int8 files lose these shares of them: by row, give or take .01 %.

    Each seed loses other samples.
    """
    results = make_results(Shape(seeds=seeds, variants=("fp32", "int8_static"), losses=tuple(lost)))
    rows = {entry.key: entry for entry in results.run.entries}

    def score(record: EvaluationRecord) -> EvaluationRecord:
        entry = rows[record.trial]
        share = lost[entry.row] if results.artifacts[record.artifact].drift and entry.role == "student" else 0.0
        wrong = round((share + 1e-4 * (entry.seed % 2)) * 10_000) if share else 0
        bits = np.random.default_rng([entry.seed, sum(map(ord, entry.row))]).permutation(10_000) >= wrong
        return record.model_copy(
            update={"predictions": record.predictions.model_copy(update={"correct_bits": pack_bits(bits)})}
        )

    return edited(results, evaluations=score)


def test_all_rows_and_variants_are_judged_as_one_family() -> None:
    summary = summarize(with_losses({"cross_entropy": 0.03, "kd": 0.0005, "crd": 0.03, "vid": 0.06}))
    verdicts = {row.row: row.verdict for row in summary.variants if row.role == "student"}
    assert verdicts == {"cross_entropy": None, "kd": "better", "crd": "equivalent", "vid": "worse"}


def test_a_variant_keeps_a_line_where_its_interval_does() -> None:
    summary = summarize(with_losses({"cross_entropy": 0.0002, "kd": 0.005, "crd": 0.0102, "vid": 0.03}))
    lines = {row.row: (row.line, row.lost) for row in summary.variants if row.role == "student"}
    # Of crd 98.98 % are kept: not shown to be under 99 %.
    assert lines == {
        "cross_entropy": (0.999, False),
        "kd": (0.99, False),
        "crd": (None, False),
        "vid": (None, True),
    }


def test_one_seed_shows_no_line() -> None:
    summary = summarize(with_losses({"cross_entropy": 0.5, "kd": 0.0}, seeds=1))
    assert {(row.line, row.lost) for row in summary.variants if row.role == "student"} == {(None, False)}
