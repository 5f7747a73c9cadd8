"""Rows over several pairs, by hand."""

from dataclasses import replace

import pytest

from kdbench.analyze import summarize
from kdbench.analyze.comparisons.across import AcrossRow
from kdbench.results import Outcome
from tests.records import Shape, make_results

TWO = (("big", "small"), ("wide", "thin"))


def accuracy(pair: int, row: str, seed: int) -> float:
    """The teacher has 80 %. kd is ahead in the first pair and above the teacher for one seed, dist in the second."""
    if row == "teacher":
        return 0.8
    points = {("kd", 0): (78, 80, 81, 79, 77), ("kd", 1): (70, 71, 72, 73, 70), ("dist", 1): (74, 74, 75, 75, 74)}
    return points.get((row, pair), (72, 72, 72, 72, 72))[seed] / 100


SHAPE = Shape(seeds=5, pairs=TWO, losses=("cross_entropy", "kd", "dist"), accuracy=accuracy)


def across(shape: Shape = SHAPE) -> dict[str, AcrossRow]:
    return {row.row: row for row in summarize(make_results(shape)).across}


def test_gains_and_wins() -> None:
    kd = across()["kd"]
    assert (kd.pairs, kd.runs, kd.compared) == (2, 10, 2)
    assert kd.gain is not None
    # Gains in points: 5, 6, 7, 8, 9 and -2, -2, -1, 0, 1; two are left out at each end.
    assert kd.gain.mean == pytest.approx((-1 + 0 + 1 + 5 + 6 + 7) / 600)
    # 7 points in the first pair, -.8 in the second.
    assert (kd.ahead, kd.better) == (1, 1)
    alone = across()["cross_entropy"]
    assert (alone.gain, alone.compared) == (None, 0)


def test_retention_and_what_is_lacking_to_the_teacher() -> None:
    kd = across()["kd"]
    assert kd.scores[0] == pytest.approx((0.975, 1.0, 1.0125, 0.9875, 0.9625))
    assert kd.scores[1] == pytest.approx((0.875, 0.8875, 0.9, 0.9125, 0.875))
    assert kd.retention.mean == pytest.approx((0.8875 + 0.9 + 0.9125 + 0.9625 + 0.975 + 0.9875) / 6)
    # The run above its teacher lacks nothing, and makes up for no other.
    assert kd.shortfall.mean == pytest.approx(
        (0.025 + 0 + 0 + 0.0125 + 0.0375 + 0.125 + 0.1125 + 0.1 + 0.0875 + 0.125) / 10
    )


def test_the_performance_profile_is_the_share_of_runs_above() -> None:
    kd = across()["kd"]
    assert [kd.share_above(score) for score in (0.5, 0.89, 0.98, 0.99, 1.1)] == [1, 0.7, 0.3, 0.2, 0]


def test_each_pair_counts_alike_in_the_profile() -> None:
    lost = {("wide -> thin", "kd", seed): Outcome(status="failed", reason="NaN") for seed in (1, 2, 3, 4)}
    kd = across(replace(SHAPE, outcomes=lost))["kd"]
    assert kd.runs == 6
    assert kd.share_above(0.98) == (3 / 5 + 0) / 2


def test_mean_ranks_of_the_rows_that_every_pair_has() -> None:
    # By pair: kd is first, both others are equal; dist is first, then the student alone, then kd.
    ranks = {name: row.rank.mean for name, row in across().items() if row.rank}
    assert ranks == {"cross_entropy": 2.25, "kd": 2.0, "dist": 1.75}
    lost = {("wide -> thin", "kd", seed): Outcome(status="failed", reason="NaN") for seed in range(5)}
    found = across(replace(SHAPE, outcomes=lost))
    assert "kd" not in found
    assert {name: row.rank.mean for name, row in found.items() if row.rank} == {"cross_entropy": 1.75, "dist": 1.25}


def test_rows_are_ranked_among_those_of_their_epochs() -> None:
    found = across(replace(SHAPE, alone=(1.0, 2.0, 4.0)))
    assert found["cross_entropy, 4 x epochs"].rank is None
    assert found["kd"].rank is not None
    assert found["kd"].rank.mean == 2.0


def test_a_pair_without_a_teacher_has_no_scores() -> None:
    lost = {("wide -> thin", "teacher", 0): Outcome(status="failed", reason="NaN")}
    assert across(replace(SHAPE, outcomes=lost)) == {}


def test_one_pair_has_nothing_together() -> None:
    assert across(replace(SHAPE, pairs=TWO[:1])) == {}
