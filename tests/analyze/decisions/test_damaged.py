from dataclasses import replace

import pytest

from kdbench.analyze.decisions.damaged import variant_warnings
from kdbench.analyze.models.variants import VariantRow
from kdbench.statistics.intervals import estimate
from kdbench.statistics.ratios import RatioEstimate

SOUND = VariantRow(
    pair="big -> small",
    role="student",
    model="small",
    row="kd",
    variant="int8_static",
    architecture="a",
    correct={},
    top1=estimate([0.9]),
    change=estimate([0.0]),
    against_alone=None,
    verdict=None,
    onnx_bytes=1000,
    smaller=4.0,
    latency=None,
    largest_drift=0.3,
    flips=0.01,
    kept=0.995,
    line=None,
    lost=False,
    trained=False,
    training_seconds=None,
    saturates=False,
)


def row(kept: float = 0.995, flips: float = 0.01, **changes: object) -> VariantRow:
    return replace(SOUND, kept=kept, flips=flips, change=estimate([0.9 * (kept - 1)]), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kept", "flips", "damaged"),
    [(0.99, 0.02, False), (0.989, 0.0, True), (1.01, 0.021, True), (1.0, 0.0, False)],
)
def test_a_variant_is_damaged_beyond_either_limit(kept: float, flips: float, damaged: bool) -> None:
    assert row(kept, flips).damaged is damaged


def test_further_training_may_change_answers() -> None:
    assert not row(flips=0.1, trained=True).damaged
    assert row(kept=0.98, trained=True).damaged


def test_sound_variants_are_no_reason_to_warn() -> None:
    assert variant_warnings(()) == variant_warnings((SOUND, SOUND)) == ()


def test_the_worst_are_named_with_what_they_lose() -> None:
    rows = [
        row(kept=kept, flips=0.05, row=name) for kept, name in ((0.9, "kd"), (0.8, "crd"), (0.98, "vid"), (0.7, "ttm"))
    ]
    (warning,) = variant_warnings([SOUND, *rows])
    assert warning == (
        "Damaged variants, which keep less than 99 % of the exported file's top-1 or change the answer on more than 2 % "
        "of the test samples: small of 'ttm' as int8_static (−27.00 points, 5.00 % changed); "
        "small of 'crd' as int8_static (−18.00 points, 5.00 % changed); "
        "small of 'kd' as int8_static (−9.00 points, 5.00 % changed); and 1 more."
    )


def test_a_suite_that_insists_on_weights_of_eight_bits_is_warned_once_a_variant() -> None:
    (warning,) = variant_warnings(
        [row(saturates=True), row(saturates=True), row(variant="int8_dynamic", saturates=True)]
    )
    assert "insists on weights of 8 bits for int8_static, int8_dynamic: with reduce_range = true" in warning


def test_a_variant_that_is_slower_than_the_exported_file_is_told_once_a_model() -> None:
    slow = RatioEstimate(1.25, 1.2, 1.301, sessions=5, pairs=40)
    (warning,) = variant_warnings(
        [row(latency=slow), row(latency=slow, row="crd"), row(latency=replace(slow, low=0.99), model="large")]
    )
    assert warning == (
        "Slower than the exported file on this machine: int8_static of small (1.25 times its latency, 1.20 to 1.30)."
    )
