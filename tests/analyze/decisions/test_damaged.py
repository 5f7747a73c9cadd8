from dataclasses import replace

import pytest

from kdbench.analyze.decisions.damaged import variant_warnings
from kdbench.analyze.models.variants import VariantRow
from kdbench.statistics.intervals import estimate
from kdbench.statistics.paired import paired_difference

SOUND = VariantRow(
    pair="big -> small",
    role="student",
    model="small",
    row="kd",
    variant="int8_static",
    architecture="a",
    top1=estimate([0.9]),
    change=paired_difference({0: 0.9}, {0: 0.9}),
    against_alone=None,
    onnx_bytes=1000,
    smaller=4.0,
    latency=None,
    largest_drift=0.3,
    flips=0.01,
    kept=0.995,
    saturates=False,
)


def row(kept: float = 0.995, flips: float = 0.01, **changes: object) -> VariantRow:
    change = paired_difference({0: 0.9 * kept}, {0: 0.9})
    return replace(SOUND, kept=kept, flips=flips, change=change, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kept", "flips", "damaged"),
    [(0.99, 0.02, False), (0.989, 0.0, True), (1.01, 0.021, True), (1.0, 0.0, False)],
)
def test_a_variant_is_damaged_beyond_either_limit(kept: float, flips: float, damaged: bool) -> None:
    assert row(kept, flips).damaged is damaged


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
