"""What a report says of the reach of its gains and of its choice."""

from dataclasses import replace

import pytest

from kdbench.analyze import recommend, summarize
from kdbench.analyze.decisions.choice import pick
from kdbench.analyze.decisions.limits import limits
from tests.records import Shape, make_results, with_largest_class

LEVEL = {"teacher": 0.95, "cross_entropy": 0.90, "cross_entropy, 2 x epochs": 0.91, "cross_entropy, 4 x epochs": 0.92}
GAINS = {"kd": 0.03, "dkd": 0.012}


def said(**shape):
    """The sentences on a run in which kd gains 3 points at equal epochs, and dkd 1.2."""

    def accuracy(pair, row, seed):
        return LEVEL.get(row, 0.90 + GAINS.get(row, 0.0)) + 0.0005 * ((3 * seed + len(row)) % 5)

    asked = {"seeds": 5, "losses": ("cross_entropy", "kd", "dkd"), "accuracy": accuracy, **shape}
    summary = summarize(make_results(Shape(**asked)))
    return limits(summary, pick(summary.pairs[0], summary.pairs[0].students))


def test_what_intervals_hold_for_is_said_once():
    for teachers, held in ((1, "this one teacher"), (2, "these 2 teachers")):
        (found,) = [text for text in said(teacher_seeds=teachers) if text.startswith("Intervals of")]
        assert f"hold for {held} of each pair, for other seeds of the students" in found
        assert "other test samples drawn as these 10,000 were" in found


def test_without_further_budgets_gains_hold_at_equal_epochs_only():
    # 2.02 s with a loss, 1.12 s without.
    (found,) = [text for text in said() if "at equal cost" in text]
    assert found == (
        "The student alone was not trained at equal cost: gains hold at equal epochs only, and training with a loss "
        "costs 1.8 times as much as without."
    )


def test_costs_are_said_to_leave_out_the_steps():
    (found,) = [text for text in said(teaching=("single", "generations")) if "at equal cost" in text]
    assert found.endswith("times as much as without, not counting the steps before the reported student.")


def test_a_loss_that_gains_at_equal_epochs_only_is_named():
    found = said(alone=(1.0, 2.0, 4.0))
    assert "Better at equal epochs only: 'dkd'." in found
    assert not any("was not trained at equal cost" in text for text in found)


def test_a_budget_that_does_not_reach_the_cost_of_a_loss_is_told():
    level = {**LEVEL, "cross_entropy, 1.5 x epochs": 0.905}
    accuracy = lambda pair, row, seed: level.get(row, 0.90 + GAINS.get(row, 0.0)) + 0.0005 * (seed % 3)  # noqa: E731
    (found,) = [text for text in said(alone=(1.0, 1.5), accuracy=accuracy) if "for at most" in text]
    # 1.5 * 1.12 s over 2.02 s.
    assert (
        "for at most 83 % of the cost of 'kd' and for less than the cost of 1 other row; it is compared as it was then"
        in found
    )


def test_a_student_alone_that_is_better_after_longer_training_is_told():
    level = {**LEVEL, "cross_entropy, 4 x epochs": 0.94}
    accuracy = lambda pair, row, seed: level.get(row, 0.90 + GAINS.get(row, 0.0)) + 0.0005 * ((seed + len(row)) % 3)  # noqa: E731
    (found,) = [text for text in said(alone=(1.0, 2.0, 4.0), accuracy=accuracy) if text.startswith("On validation")]
    assert "small trained alone for 4 x epochs is better: it gets 94.0" in found
    assert "at 2.2 times the cost of training." in found


def test_collapsed_seeds_of_the_student_alone_are_told():
    accuracy = lambda pair, row, seed: 0.1 if (row, seed) == ("cross_entropy", 2) else 0.9 + 0.001 * (seed % 3)  # noqa: E731
    assert "The student alone of big -> small collapsed with 1 of 5 seeds, which stand in no gain." in said(
        accuracy=accuracy
    )


def test_a_teacher_below_its_student_is_weak():
    weak = "Its teacher gets fewer test samples right than it does: a weak teacher."
    assert weak not in said()
    assert weak in said(accuracy=lambda pair, row, seed: 0.90 + 0.03 * (row == "kd") + 0.0005 * ((seed + len(row)) % 3))


def test_settings_that_nothing_tuned_are_said_to_be_the_suites():
    untuned = "Its settings are those of the suite: none was tuned."
    assert untuned in said()
    tuned = lambda pair, row, seed: 0.90 + 0.03 * (row == "kd, tuned") + 0.0005 * ((seed + len(row)) % 3)  # noqa: E731
    assert untuned not in said(tries=2, accuracy=tuned)


@pytest.mark.parametrize(
    ("metrics", "more"),
    [
        ((), ' metrics = ["balanced_accuracy"] in the suite counts all classes alike; it trains nothing anew.'),
        # Of these records the first metric is half the top-1.
        (("balanced_accuracy",), " Balanced accuracy, which counts all classes alike, is 45.00 % for this student."),
    ],
)
def test_uneven_classes_are_told_with_what_counts_them_alike(metrics, more):
    results = with_largest_class(make_results(Shape(metrics=metrics, accuracy=lambda *_: 0.9)), 7000)
    told = "Classes are uneven: one has 70.00 % of the test samples, which is the top-1 of always answering it."
    summary = summarize(results)
    chosen = pick(summary.pairs[0], summary.pairs[0].students)
    assert f"{told}{more}" in limits(summary, chosen)
    assert not any("uneven" in text for text in limits(replace(summary, chance=0.1), chosen))


@pytest.mark.parametrize(
    ("metrics", "more"), [((), "it trains nothing anew."), (("balanced_accuracy",), "under Further metrics.")]
)
def test_uneven_classes_are_told_where_there_is_nothing_to_ship(metrics, more):
    results = with_largest_class(make_results(Shape(metrics=metrics, accuracy=lambda *_: 0.7)), 7000)
    found = recommend(summarize(results))
    assert found.student is None
    assert found.caveats[0].startswith("Classes are uneven: one has 70.00 % of the test samples")
    assert found.caveats[0].endswith(more)
