"""Losses against plain distillation: differences by seed, and what may be said of them."""

import pytest

from kdbench.analyze import summarize
from kdbench.analyze.models.against_kd import AgainstKd, against_kd
from tests.records import Shape, make_results

# Points of top-1 above plain distillation's, by seed.
ABOVE = {
    "kd": (0, 0, 0, 0, 0),
    "cross_entropy": (-3, -2, -3, -2, -3),
    "dist": (2, 3, 2, 3, 2),
    "nkd": (0.1, -0.1, 0.2, -0.2, 0),
    "ttm": (4, -4, 5, -5, 1),
}


def rows(
    seeds: int = 5, losses: tuple[str, ...] = tuple(ABOVE), teaching: tuple[str, ...] = ("single",)
) -> dict[str, AgainstKd]:
    def accuracy(_: object, loss: str, seed: int) -> float:
        return 0.5 + 0.01 * seed + ABOVE.get(loss, (20,) * 5)[seed] / 100

    found = summarize(make_results(Shape(losses=losses, seeds=seeds, accuracy=accuracy, teaching=teaching)))
    return {row.student.row: row for row in against_kd(found.pairs[0], found.suite)}


def test_verdicts_by_the_family() -> None:
    found = rows()
    assert list(found) == ["dist", "ttm", "nkd", "cross_entropy"]  # best first, itself left out
    assert {loss: row.verdict for loss, row in found.items()} == {
        "dist": "better",  # 2.4 points: standard error .245 (SD .548), 7.8 of them above half a point
        "ttm": "undecided",
        "nkd": "equivalent",
        "cross_entropy": "worse",
    }
    assert found["dist"].difference.estimate.mean == pytest.approx(0.024)
    # t(4) 2.776 times .245 points, and little for the samples.
    assert found["dist"].difference.estimate.interval.low == pytest.approx(0.024 - 0.0068, abs=2e-4)


def test_holm_holds_for_all_losses_of_the_pair() -> None:
    found = rows()
    ordered = sorted(found.values(), key=lambda row: row.difference.p_value)
    assert ordered[0].holm_p == pytest.approx(4 * ordered[0].difference.p_value)  # the smallest of four
    assert all(row.holm_p >= row.difference.p_value for row in ordered)


def test_few_seeds_decide_nothing() -> None:
    assert {row.verdict for row in rows(seeds=4).values()} == {"undecided"}


def test_without_plain_distillation_there_is_no_rival() -> None:
    assert rows(losses=("cross_entropy", "dist")) == {}
    assert rows(losses=("cross_entropy", "kd"), teaching=("ensemble",)) == {}


def test_the_rival_is_kd_under_one_teacher_whatever_comes_first() -> None:
    found = rows(losses=("cross_entropy", "kd", "dist"), teaching=("ensemble", "single"))
    assert set(found) == {"cross_entropy", "dist", "kd, ensemble(count=2)", "dist, ensemble(count=2)"}
    assert found["dist"].difference.estimate.mean == pytest.approx(0.024)
    assert found["kd, ensemble(count=2)"].difference.estimate.mean == pytest.approx(0.2)
