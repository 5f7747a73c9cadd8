"""What a shipped student loses, where that is shown."""

from dataclasses import replace

import pytest

from kdbench.analyze import candidates, recommend, summarize
from kdbench.analyze.decisions.given_up import given_up
from kdbench.statistics.intervals import estimate
from kdbench.statistics.paired import paired_difference
from kdbench.statistics.ratios import RatioEstimate
from tests.records import Shape, make_results

SEEDS = range(5)


def summary_of(**shape):
    def accuracy(pair, row, seed):
        return {"cross_entropy": 0.90, "kd": 0.93}.get(row, 0.95) + 0.0005 * ((seed + len(row)) % 3)

    return summarize(make_results(Shape(seeds=5, accuracy=accuracy, **shape)))


def test_nothing_is_given_up_where_nothing_was_asked():
    found = recommend(summary_of())
    assert found.student.loss == "kd"
    assert found.gives_up == ()


def test_a_larger_network_than_the_student_alone_is_told():
    summary = summary_of()
    (chosen,) = [each for each in candidates(summary) if each.row.loss == "kd"]
    larger = replace(chosen.row, architecture="gated", parameters=3 * chosen.row.parameters)
    told = "It has 3 times the parameters of small alone."
    assert given_up(summary, replace(chosen, pick=replace(chosen.pick, row=larger))) == (told,)
    plain, ratio = chosen.row.architecture, RatioEstimate(2.5, 2.4, 2.6, 5, 40)  # the student is the reference
    timing = replace(summary.reference, p50={plain: 10.0, "gated": 25.0}, ratio={"gated": ratio})
    told = "It has 3 times the parameters of small alone, and 2.50 times its latency."
    changed = replace(summary, reference=timing)
    assert given_up(changed, replace(chosen, pick=replace(chosen.pick, row=larger))) == (told,)


def losing(points):
    """kd minus the student alone in each seed, about so many points."""
    return paired_difference({seed: points / 100 + 0.001 * (seed - 2) for seed in SEEDS}, dict.fromkeys(SEEDS, 0.0))


@pytest.mark.parametrize(("points", "told"), [(-2.0, True), (-0.1, False), (2.0, False)])
def test_the_worst_condition_and_the_share_right_everywhere(points, told):
    summary = summary_of(conditions=("noise", "rotation"))
    rows = [
        replace(each, worst=("rotation", losing(points)), against_alone=losing(points)) for each in summary.conditions
    ]
    summary = replace(summary, conditions=tuple(rows))
    found = given_up(summary, candidates(summary, None)[0])
    assert len(found) == 2 * told
    if told:
        # Half-width of the mean of five seeds, SD .158 points: t(4) 2.776 x .0707 points for one, 3.495 x for two.
        assert found[0] == (
            "Under rotation its top-1 is 2.00 points (95 % interval 1.75 to 2.25) lower than the student alone's."
        )
        assert found[1] == (
            "Its share right under every condition is 2.00 points (95 % interval 1.80 to 2.20) lower than the student "
            "alone's."
        )


def test_attacks_are_conditions_too():
    summary = summary_of(conditions=("noise",), attacks=(0.1, 0.2))
    rows = [replace(each, worst=("noise", losing(-1.0)), against_alone=None) for each in summary.conditions]
    attacks = [replace(each, against_alone={0.1: losing(-3.0), 0.2: losing(-2.0)}) for each in summary.attacks]
    summary = replace(summary, conditions=tuple(rows), attacks=tuple(attacks))
    (told,) = given_up(summary, candidates(summary)[0])
    # Of three: t(4) 3.961 x .0707 points.
    assert (
        told
        == "Under FGSM of epsilon 0.1 its top-1 is 3.00 points (95 % interval 2.72 to 3.28) lower than the student alone's."
    )


def test_a_higher_calibration_error_is_a_loss():
    summary = summary_of()
    (pair,) = summary.pairs
    errors = {"cross_entropy": 0.02, "kd": 0.05}
    rows = tuple(
        replace(
            row,
            calibration=replace(
                row.calibration,
                ece=estimate([errors[row.row] + 0.001 * (seed == 0) * (row.row == "kd") for seed in SEEDS]),
            ),
        )
        for row in pair.students
    )
    summary = replace(summary, pairs=(replace(pair, students=rows),))
    (told,) = given_up(summary, candidates(summary, None)[0])
    # SD .0447 points of five seeds: 2.776 x .02.
    assert told == "Its calibration error is 3.02 points (95 % interval 2.96 to 3.08) higher than the student alone's."


def test_the_variant_that_loses_most_is_told_unless_one_is_shipped():
    summary = summary_of(variants=("fp32", "int8_dynamic", "int8_static"))
    levels = {"int8_dynamic": -0.004, "int8_static": -0.006}
    rows = [
        replace(each, change=estimate([levels[each.variant] + 0.0001 * n for n in SEEDS])) for each in summary.variants
    ]
    summary = replace(summary, variants=tuple(rows))
    exported, dynamic, _ = candidates(summary, None)
    assert [text.partition(" its")[0] for text in given_up(summary, exported)] == ["As int8_static"]
    assert [text.partition(" its")[0] for text in given_up(summary, dynamic)] == ["As int8_dynamic"]
