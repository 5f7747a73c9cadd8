"""Students of a pair against their teacher and against the student alone."""

from dataclasses import replace

import pytest
from scipy import stats

from kdbench.analyze import summarize
from kdbench.results import Outcome
from tests.records import Shape, edited, make_results


def test_retention_uses_the_teacher_of_the_seed():
    def accuracy(pair, loss, seed):
        return 0.8 if loss == "teacher" and seed == 0 else 0.9 if loss == "teacher" else 0.72

    row = summarize(make_results(Shape(seeds=3, teacher_seeds=2, accuracy=accuracy))).students[0]
    assert row.retention == pytest.approx((0.9 + 0.8 + 0.9) / 3)


def test_without_a_teacher_nothing_is_compared_with_it():
    outcomes = {("big -> small", "teacher", 0): Outcome(status="failed", reason="out of memory")}
    summary = summarize(make_results(Shape(outcomes=outcomes)))
    assert summary.pairs[0].teacher is None
    row = summary.students[0]
    assert (row.retention, row.compression_bytes, row.speedup) == (None, None, None)


def test_the_student_alone_is_known_by_its_loss_not_its_name():
    results = make_results()
    suite = results.run.suite | {"losses": [{"use": "cross_entropy", "name": "labels"}, {"use": "kd", "name": "kd"}]}
    entries = tuple(
        e.model_copy(update={"loss": "labels"}) if e.role == "student" and e.loss == "cross_entropy" else e
        for e in results.run.entries
    )
    run = results.run.model_copy(update={"suite": suite, "entries": entries})
    summary = summarize(replace(results, run=run))
    assert summary.pairs[0].alone.loss == "labels"
    assert summary.students[1].gain is not None


def table(pair, loss, seed):
    return {"teacher": 0.95, "cross_entropy": 0.90, "kd": 0.92}[loss] + 0.001 * seed * (1 + (loss == "kd"))


def student(summary, loss, pair=0):
    return next(row for row in summary.pairs[pair].students if row.loss == loss)


def test_spreads_of_all_losses_are_compared() -> None:
    accuracy = lambda p, loss, s: 0.9 + 0.001 * (7 * s % 5) * (1 if loss == "kd" else 10)  # noqa: E731
    summary = summarize(make_results(Shape(seeds=5, accuracy=accuracy)))
    values = [row.top1.values for row in summary.students]
    oracle = stats.levene(*values, center="median")
    assert summary.pairs[0].spread_test == pytest.approx((oracle.statistic, oracle.pvalue))


def test_retention_and_gap_closed_by_hand() -> None:
    kd, alone = (student(summarize(make_results(Shape(accuracy=table))), loss) for loss in ("kd", "cross_entropy"))
    assert kd.retention == pytest.approx(0.922 / 0.95)
    assert kd.retention_interval.low < kd.retention < kd.retention_interval.high
    # Mean gain 0.021; the teacher of all seeds is at 0.95, the student alone at a mean of 0.901.
    assert kd.gap.value == pytest.approx(0.021 / 0.049)
    assert alone.gap is None


def test_no_gap_is_told_with_its_reason() -> None:
    kd = student(summarize(make_results(Shape(accuracy=lambda p, loss, s: 0.9 + 0.001 * s))), "kd")
    assert kd.gap.value is None
    assert "includes 0" in kd.gap.reason or "worse than the student alone" in kd.gap.reason


def confirmed(alone=(1.0, 2.0), seconds=None):
    """The confirmation of kd: three seeds at 92 %, the student alone at 90 %, and at 91 % after twice the epochs."""
    levels = {"kd": 0.92, "cross_entropy, 2 x epochs": 0.91}
    accuracy = lambda pair, row, seed: levels.get(row, 0.90) + 0.0005 * ((seed + len(row)) % 3)  # noqa: E731
    results = make_results(Shape(alone=alone, confirms="kd", accuracy=accuracy))
    if seconds:
        kd = {entry.key for entry in results.run.entries if entry.loss == "kd"}

        def dearer(record):
            cost = record.training.model_copy(update={"step_seconds": seconds})
            return record.model_copy(update={"training": cost}) if record.key in kd else record

        results = edited(results, trials=dearer)
    return summarize(results).pairs[0].confirmation


def test_a_candidate_is_confirmed_after_as_long_a_training_of_the_student_alone() -> None:
    found = confirmed()
    assert (found.row, found.equal, found.budget) == ("kd", "cost", 2.0)
    assert found.difference.seeds == (3, 4, 5)
    assert found.difference.estimate.mean == pytest.approx(0.01, abs=0.001)
    assert not found.holds  # three seeds make no claim


def test_where_the_student_alone_was_not_trained_as_long_a_confirmation_is_at_equal_epochs() -> None:
    by_epochs = confirmed(alone=(1.0,))
    assert (by_epochs.equal, by_epochs.budget) == ("epochs", 1.0)
    assert by_epochs.difference.estimate.mean == pytest.approx(0.02, abs=0.001)
    assert confirmed(seconds=9.0).equal == "epochs"


def test_without_seeds_of_its_own_there_is_no_confirmation() -> None:
    assert summarize(make_results()).pairs[0].confirmation is None


@pytest.mark.parametrize(("there", "word"), [(0.93, "better"), (0.90, "equivalent"), (0.88, "worse")])
def test_the_verdict_of_a_candidate_is_of_the_seeds_apart(there: float, word: str) -> None:
    """At the seeds of the choice kd gains 3 points in all cases."""

    def accuracy(pair: int, row: str, seed: int) -> float:
        level = {"teacher": 0.95, "kd": there if seed >= 5 else 0.93}.get(row, 0.90)
        return level + 0.0005 * ((seed + len(row)) % 3)

    (pair,) = summarize(make_results(Shape(seeds=5, confirms="kd", accuracy=accuracy))).pairs
    (kd,) = [row for row in pair.students if row.row == "kd"]
    assert kd.headline is not None
    assert (kd.headline.verdict, kd.verdict) == ("better", word)


def test_the_student_alone_that_ways_of_teaching_share_is_one_row() -> None:
    (pair,) = summarize(make_results()).pairs
    first, second = (replace(pair.alone, teaching=way) for way in ("weights", "logits"))
    shared = replace(pair, students=(*pair.students, first, second))
    assert shared.distinct == (*pair.students, first)
    assert shared.models == (pair.teacher, *shared.distinct)
