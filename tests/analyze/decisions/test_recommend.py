"""Which student a report recommends, and what stands beside it."""

from dataclasses import replace

import pytest

from kdbench.analyze import Budgets, recommend, summarize
from kdbench.results import Outcome
from tests.records import Shape, make_results

WOBBLE = (0.0, 0.0011, -0.0008, 0.0005, -0.0004)


def choose(validation, test, losses=("cross_entropy", "kd", "dkd"), budgets=Budgets(), **shape):
    """The choice among losses with these levels, seeds a little off; keys are losses, or (pair index, loss)."""

    def level(levels, shift):
        def accuracy(pair, loss, seed):
            found = levels.get((pair, loss), levels.get(loss, 0.95))
            return found + WOBBLE[(seed + shift + len(loss)) % 5]

        return accuracy

    made = Shape(seeds=5, losses=losses, validation=level(validation, 0), accuracy=level(test, 1), **shape)
    return recommend(summarize(make_results(made)), budgets)


@pytest.mark.parametrize("dkd", [0.5, 0.90, 0.94, 0.99])
def test_the_candidate_is_chosen_on_validation_whatever_test_says_of_others(dkd):
    validation = {"cross_entropy": 0.90, "kd": 0.93, "dkd": 0.91}
    assert choose(validation, {"cross_entropy": 0.90, "kd": 0.93, "dkd": dkd}).student.loss == "kd"
    assert choose(validation, {"cross_entropy": 0.90, "kd": 0.90, "dkd": dkd}).student.alone


def test_a_small_gain_is_shipped_and_called_small():
    found = choose({"cross_entropy": 0.90, "kd": 0.905, "dkd": 0.90}, {"cross_entropy": 0.90, "kd": 0.904, "dkd": 0.9})
    assert found.student.loss == "kd"
    assert any("not shown to be above 0.5 points" in caveat for caveat in found.caveats)


def test_of_two_that_test_confirms_validation_chooses():
    found = choose({"cross_entropy": 0.90, "kd": 0.94, "dkd": 0.92}, {"cross_entropy": 0.90, "kd": 0.92, "dkd": 0.94})
    assert found.student.loss == "kd"


def test_a_loss_with_failed_seeds_is_no_rival():
    failed = {("big -> small", "dkd", 0): Outcome(status="failed", reason="NaN")}
    levels = {"cross_entropy": 0.90, "kd": 0.93, "dkd": 0.94}
    assert choose(levels, levels, outcomes=failed).student.loss == "kd"


@pytest.mark.parametrize(("longest", "told"), [(0.91, True), (0.89, False)])
def test_a_longer_training_that_leads_on_test_alone_is_told_of(longest, told):
    validation = {"cross_entropy": 0.90, "cross_entropy, 2 x epochs": 0.92, "cross_entropy, 4 x epochs": 0.91}
    test = {"cross_entropy": 0.88, "cross_entropy, 2 x epochs": 0.90, "cross_entropy, 4 x epochs": longest}
    found = choose(validation | {"kd": 0.8}, test | {"kd": 0.8}, losses=("cross_entropy", "kd"), alone=(1.0, 2.0, 4.0))
    assert found.student.budget == 2
    text = "small trained alone for 4 x epochs gets 91.01 % right, but is no better on validation, which chooses."
    assert (text in found.caveats) is told


def of_two_pairs(small, thin, budgets=Budgets(), **shape):
    """The student alone in two pairs; the second takes twice as long and leads on validation."""
    return choose(
        {(0, "cross_entropy"): 0.90, (1, "cross_entropy"): 0.93},
        {(0, "cross_entropy"): small, (1, "cross_entropy"): thin},
        losses=("cross_entropy",),
        pairs=(("big", "small"), ("wide", "thin")),
        budgets=budgets,
        **shape,
    )


def test_the_cheaper_of_two_is_shipped_and_the_rule_said():
    found = of_two_pairs(0.93, 0.93)
    assert (found.student.model, found.teacher) == ("small", "big")
    rule = "It is the cheapest that is not shown to be over 0.5 points worse on test than thin trained alone, the best"
    assert any(caveat.startswith(rule) for caveat in found.caveats)


@pytest.mark.parametrize("thin", [0.929, 0.93])
def test_what_is_no_more_accurate_and_no_cheaper_is_no_alternative(thin):
    assert of_two_pairs(0.9312, thin).alternatives == ()


def test_an_alternative_is_told_with_what_it_gains_and_costs():
    (other,) = of_two_pairs(0.90, 0.9055).alternatives
    assert other.startswith("thin trained alone: +0.55 points (95 % interval ")
    assert " on test, 2.00 times the latency (95 % interval " in other
    assert other.endswith("; it gets 90.56 %.")
    cheaper = of_two_pairs(0.90, 0.93)
    assert cheaper.student.model == "thin"
    assert cheaper.alternatives[0].startswith("small trained alone: −3.00 points")
    (untimed,) = of_two_pairs(0.90, 0.9055, latency=False).alternatives
    assert "times the FLOPs; it gets" in untimed


def test_a_budget_that_nothing_is_within_says_what_there_is():
    found = of_two_pairs(0.90, 0.93, Budgets(max_bytes=10))
    assert (found.kind, found.student) == ("nothing", None)
    assert found.headline == "Nothing to ship, because no student is within the budgets"
    assert found.reason.startswith("What could be shipped takes at least ")
    assert found.reason.endswith(" parameters, and gets at most 93.01 % of the test samples right.")


def test_a_budget_chooses_another():
    assert of_two_pairs(0.90, 0.93, Budgets(min_top1=0.92)).student.model == "thin"
    assert of_two_pairs(0.90, 0.93, Budgets(max_parameters=of_two_pairs(0.90, 0.90).student.parameters)).student


def test_nothing_finished():
    outcomes = {
        ("big -> small", loss, s): Outcome(status="failed", reason="x")
        for loss in ("cross_entropy", "kd")
        for s in range(3)
    }
    found = recommend(summarize(make_results(Shape(outcomes=outcomes))))
    assert found.headline == "Nothing to ship, because no student of 'example' finished"
    assert (found.student, found.gives_up, found.alternatives) == (None, (), ())
    assert "6 of 7 rows have no result" in found.caveats[0]


def test_what_is_lost_stands_beside_the_answer():
    for shape in (Shape(seeds=5), Shape(seeds=5, losses=("kd",))):  # with a student, and with nothing to ship
        results = make_results(shape)
        whole, less = (recommend(summarize(replace(results, lost=lost))) for lost in ((), ("trials/830d",)))
        assert less.reason.startswith(
            f"{whole.reason} Records of this run are missing in the results folder: trials/830d."
        )


def test_what_is_refused_is_the_headline():
    found = recommend(summarize(make_results(Shape(seeds=5, losses=("kd", "dkd")))))
    assert found.headline == "Nothing to ship, because the student alone was not run"


def test_few_collapsed_seeds_are_told():
    shape = Shape(
        seeds=5, accuracy=lambda p, loss, s: 0.1 if s == 1 and loss != "teacher" else 0.9, losses=("cross_entropy",)
    )
    found = recommend(summarize(make_results(shape)))
    assert any(caveat.startswith("1 of its 5 seeds collapsed") for caveat in found.caveats)
    steady = recommend(summarize(make_results(Shape(seeds=5, losses=("cross_entropy",)))))
    assert not any("collapsed" in caveat for caveat in steady.caveats)


def test_a_smoke_test_is_said_to_be_one_once():
    found = recommend(summarize(make_results(Shape(seeds=3))))
    every = (found.headline, found.reason, *found.groups, *found.gives_up, *found.alternatives, *found.caveats)
    assert sum("smoke test" in text for text in every) == 1
