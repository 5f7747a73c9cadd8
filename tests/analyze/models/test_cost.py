"""The cost of training by hand: means over seeds, ranks, and what a cohort shares."""

import pytest

from kdbench.analyze import summarize
from tests.records import Shape, edited, make_results

TWO = (("big", "small"), ("wide", "thin"))


def test_training_cost_by_hand():
    cost = summarize(make_results(Shape(seeds=1))).students[0].training
    assert cost.step_milliseconds == pytest.approx(0.8 / 200 * 1000)
    assert cost.samples_per_second == pytest.approx(25_000 / 0.8)
    assert cost.cohort == 2


LOSSES = ("cross_entropy", "kd", "dkd", "fitnet")


def test_parts_of_the_cost_are_means_over_seeds() -> None:
    # Seeds 0 and 1: own steps 0.80 and 0.81 s of 200 steps; the rest is the same for both
    rows = {row.loss: row for row in summarize(make_results(Shape(seeds=2, losses=LOSSES))).students}
    kd, fitnet, alone = (rows[loss].training for loss in ("kd", "fitnet", "cross_entropy"))
    assert (kd.evaluation_seconds, kd.data_seconds) == (pytest.approx(0.1), pytest.approx(0.2))
    assert kd.alone_seconds == pytest.approx(0.805 + 0.1 + 0.2 + 0.9)
    assert kd.shared_seconds == pytest.approx(0.805 + 0.1 + 0.2 / 4 + 0.06 / 2)
    assert fitnet.shared_seconds == pytest.approx(0.805 + 0.1 + 0.2 / 4 + 0.9)
    assert alone.alone_seconds == pytest.approx(1.105)
    assert [(cost.teacher, cost.teacher_shared_by) for cost in (kd, fitnet, alone)] == [
        ("cached", 2), ("live", 1), ("none", 1),
    ]  # fmt: skip
    # 0.06 s in 200 steps are 0.3 ms a step, 0.9 s are 4.5 ms
    assert (kd.teacher_milliseconds, kd.teacher_milliseconds_alone) == (pytest.approx(0.3), pytest.approx(4.5))
    assert (alone.teacher_milliseconds, alone.teacher_milliseconds_alone) == (0, 0)
    assert kd.layouts == ((2, 1),)


def changed(results, loss, seed, **cost):
    """The results with other training costs in one record."""
    key = next(e.key for e in results.run.entries if (e.role, e.loss, e.seed) == ("student", loss, seed))
    training = results.trials[key].training.model_copy(update=cost)
    return edited(results, trials=lambda r: r.model_copy(update={"training": training}) if r.key == key else r)


def test_losses_are_ranked_by_the_cost_of_training_them_alone() -> None:
    results = make_results(Shape(seeds=1, losses=LOSSES, pairs=TWO[:1]))
    results = changed(results, "dkd", 0, step_seconds=3.0)
    results = changed(results, "fitnet", 0, step_seconds=0.1, teacher_seconds_alone=0.1)
    found = {row.loss: (row.cost_rank, row.relative_cost) for row in summarize(results).students}
    # Alone: 1.1 s, kd 2.0 s, dkd 3.0 + 0.3 + 0.9 = 4.2 s, fitnet 0.1 + 0.3 + 0.1 = 0.5 s, though it shared nothing
    assert {loss: rank for loss, (rank, _) in found.items()} == {"fitnet": 1, "cross_entropy": 2, "kd": 3, "dkd": 4}
    assert found["cross_entropy"][1] == 1
    assert found["kd"][1] == pytest.approx(2.0 / 1.1)
    assert found["fitnet"][1] == pytest.approx(0.5 / 1.1)


def test_equal_costs_share_a_place_and_each_pair_has_its_own_ranks() -> None:
    rows = summarize(make_results(Shape(losses=LOSSES, pairs=TWO))).students
    assert [row.cost_rank for row in rows] == [1, 2, 2, 2] * 2


def test_without_the_student_alone_there_is_a_rank_and_no_relative_cost() -> None:
    rows = summarize(make_results(Shape(losses=("kd", "fitnet")))).students
    assert [(row.cost_rank, row.relative_cost) for row in rows] == [(1, None), (1, None)]


def test_seeds_that_were_trained_otherwise_are_told() -> None:
    results = changed(
        make_results(Shape(losses=LOSSES)), "kd", 1, teacher="live", processes=1, threads=4, device="cuda"
    )
    cost = next(row for row in summarize(results).students if row.loss == "kd").training
    assert (cost.teacher, cost.layouts, cost.device) == ("cached, live", ((1, 4), (2, 1)), "cpu, cuda")


def test_a_student_that_goes_on_from_another_costs_as_much_as_both() -> None:
    results = make_results(Shape(seeds=1, losses=("cross_entropy", "kd"), pairs=TWO[:1]))
    alone, kd = (
        next(e.key for e in results.run.entries if e.row == row and e.role == "student")
        for row in ("cross_entropy", "kd")
    )
    going_on = results.records[kd].trial.model_copy(update={"start": (alone,)})
    results = edited(results, trials=lambda r: r.model_copy(update={"trial": going_on}) if r.key == kd else r)
    costs = {row.loss: row.training for row in summarize(results).students}
    own = results.records[kd].training
    assert costs["kd"].alone_seconds == pytest.approx(own.alone_seconds + costs["cross_entropy"].alone_seconds)
    assert costs["kd"].shared_seconds == pytest.approx(own.shared_seconds + costs["cross_entropy"].shared_seconds)
