"""The three headlines: what is shipped, what is undecided and by how many seeds, and what there is a reason against."""

from dataclasses import replace

import pytest

from kdbench.analyze import summarize
from kdbench.analyze.decisions.answer import answer
from kdbench.analyze.decisions.choice import pick, picks
from tests.records import Shape, make_results

WOBBLE = (0.0, 0.0011, -0.0008, 0.0005, -0.0004)


def told(seeds=5, validation=None, chance=0.1, wobble=1.0, **levels):
    """Of one pair whose rows lie at these levels on test and, where not said otherwise, on validation."""

    def level(found):
        def accuracy(pair, row, seed):
            return found.get(row, 0.95) + wobble * WOBBLE[(seed + len(row)) % 5]

        return accuracy

    losses = [loss for loss in levels if loss != "teacher"]
    shape = Shape(seeds=seeds, losses=losses, accuracy=level(levels), validation=level(validation or levels))
    pair = summarize(make_results(shape)).pairs[0]
    return answer(pick(pair, pair.students), chance)


def test_a_loss_that_is_shown_to_gain_is_shipped():
    found = told(cross_entropy=0.90, kd=0.93)
    assert (found.kind, found.headline) == ("ship", "Ship small taught by kd")
    assert found.reason.startswith("It gets 93.01 % of the test samples right and gains +3.00 points over the student")
    assert found.reason.endswith("on the 5 seeds of the choice).")
    assert "at equal epochs (95 % interval +2." in found.reason


def test_a_loss_without_a_teacher_does_not_teach():
    assert told(cross_entropy=0.90, label_smoothing=0.93).headline == "Ship small trained with label_smoothing"


def test_no_loss_is_better_on_validation():
    found = told(cross_entropy=0.93, kd=0.90)
    assert (found.kind, found.headline) == ("ship", "Ship small trained alone")
    assert found.reason == "It gets 93.01 % of the test samples right: no loss is better on validation."


def test_a_gain_of_consequence_that_is_excluded_ships_the_student_alone():
    found = told(validation={"cross_entropy": 0.90, "kd": 0.92}, cross_entropy=0.92, kd=0.90)
    assert (found.kind, found.headline) == ("ship", "Ship small trained alone")
    assert ": the best loss on validation, kd, loses 2.00 points to the student alone at equal epochs (" in found.reason


def test_a_gain_that_seeds_leave_open_is_undecided_by_so_many_seeds():
    """Seeds differ ten times as much: SD of the gains .96 points."""
    found = told(cross_entropy=0.90, kd=0.904, wobble=10.0)
    assert found.kind == "undecided"
    assert found.headline.startswith("Undecided: ")
    assert found.headline.endswith(" more seeds would tell")
    assert 5 < int(found.headline.split()[1]) < 200
    assert found.reason.startswith("The best loss on validation, kd, gains +0.40 points over the student alone")
    assert found.reason.endswith(". Until that is told, take small trained alone, which gets 90.08 % right.")


@pytest.mark.parametrize(("seeds", "more"), [(1, "4 more seeds"), (3, "2 more seeds"), (4, "1 more seed")])
def test_a_smoke_test_ships_nothing(seeds, more):
    found = told(seeds=seeds, cross_entropy=0.90, kd=0.95)
    assert (found.kind, found.headline) == ("undecided", f"Undecided: {more} would tell")
    named = "1 seed" if seeds == 1 else f"{seeds} seeds"
    assert found.reason.startswith(f"With {named} this is a smoke test, in which kd leads on validation. Until")
    alone = told(seeds=seeds, cross_entropy=0.95, kd=0.90)
    assert alone.headline == f"Undecided: {more} would tell"
    assert alone.reason.startswith(f"With {named} this is a smoke test. Until")


def test_a_loss_whose_student_alone_was_not_run_is_not_shipped():
    found = told(kd=0.93, dkd=0.92)
    assert (found.kind, found.headline) == ("nothing", "Nothing to ship, because the student alone was not run")
    assert found.reason == "What small taught by kd gains is unknown: run 'cross_entropy', too."


def test_what_is_at_chance_is_not_shipped():
    assert told(chance=0.1, cross_entropy=0.25, kd=0.2).kind == "ship"
    found = told(chance=0.25, cross_entropy=0.25, kd=0.2)
    assert found.headline == "Nothing to ship, because small trained alone is not shown to be better than guessing"
    assert found.reason == "It gets 25.01 % of the test samples right, over all seeds; guessing gets 25.00 %."


@pytest.mark.parametrize(("lost", "kind"), [(2, "ship"), (3, "nothing")])
def test_where_most_seeds_collapsed_nothing_is_shipped(lost, kind):
    shape = Shape(seeds=5, losses=("cross_entropy",), accuracy=lambda p, row, seed: 0.1 if seed < lost else 0.9)
    pair = summarize(make_results(shape)).pairs[0]
    found = answer(pick(pair, pair.students), 0.1)
    assert found.kind == kind
    if kind == "nothing":
        assert found.headline == "Nothing to ship, because 3 of 5 seeds of small trained alone collapsed"


def test_the_student_alone_is_best_of_what_deploys_its_network_where_another_is_better():
    """dkd deploys a larger network, and gains."""
    levels = {"teacher": 0.95, "kd": 0.89, "dkd": 0.94}
    accuracy = lambda pair, row, seed: levels.get(row, 0.90) + WOBBLE[(seed + len(row)) % 5]  # noqa: E731
    pair = summarize(make_results(Shape(seeds=5, losses=("cross_entropy", "kd", "dkd"), accuracy=accuracy))).pairs[0]
    larger = tuple(replace(row, architecture="large") if row.row == "dkd" else row for row in pair.students)
    first, second = (answer(each, 0.1) for each in picks(replace(pair, students=larger)))
    assert first.headline == "Ship small taught by dkd"
    assert second.headline == "Ship small trained alone"
    assert second.reason.endswith(": no loss for this network is better on validation.")
