"""What the accuracy gate can see, by hand-made baselines."""

import re
from dataclasses import replace

import pytest
from scipy import stats

from kdbench.analyze import undetectable_gates, undetectable_slowdowns, unread_gates, what_the_gate_sees
from kdbench.analyze.gate.power import gate_power
from kdbench.results.baselines.freezing import baseline_of
from kdbench.spec import Gate
from tests.records import Shape, make_results

WOBBLE = [0.0, 0.01, -0.01, 0.0, 0.01, -0.01, 0.0, 0.01, -0.01, 0.0]  # three seeds: SD 1 point
WIDE = Shape(accuracy=lambda pair, loss, seed: 0.9 + WOBBLE[seed])


def gated(may_drop, shape=WIDE):
    return replace(shape, gates=(Gate(metric="top1", may_drop=may_drop),))


def problems(shape):
    return undetectable_gates(baseline_of(make_results(shape)))


def sentence(shape):
    return what_the_gate_sees(baseline_of(make_results(shape)))


def test_power_is_of_the_gates_own_test():
    found = gate_power(baseline_of(make_results(WIDE)))
    assert [(each.row, each.seeds) for each in found] == [("cross_entropy", 3), ("kd", 3)]
    # Two rows of three seeds are judged; the teacher has one. The SD is bounded by sqrt(2) x 1 point.
    critical = stats.t.ppf(1 - 0.01 / 2, 2)
    for each in found:
        assert each.sd == pytest.approx(0.01 * 2**0.5)
        shift = (each.detectable - 0.005) / (each.sd / 3**0.5)
        assert stats.nct.sf(critical, 2, shift) == pytest.approx(0.8, abs=1e-4)


@pytest.mark.parametrize("written", [True, False])
def test_a_gate_that_sees_no_drop_of_twice_its_limit_is_refused_with_a_remedy(written):
    (found,) = problems(gated(0.005) if written else WIDE)
    assert found.startswith("the accuracy gate allows a drop of 0.50 points" + ("," if written else " by default,"))
    assert "3 seeds of 'cross_entropy' and 1 more (big -> small) show only one of " in found


def test_the_remedies_work():
    (found,) = problems(gated(0.03))
    seeds, wide = (float(re.search(text, found)[1]) for text in (r"use (\d+) seeds", r"may_drop = ([\d.]+)"))
    assert problems(gated(wide)) == []
    assert len(problems(gated(wide - 0.002))) == 1
    assert problems(gated(0.03, replace(WIDE, seeds=int(seeds)))) == []


@pytest.mark.parametrize(
    ("margin", "noise", "refused"), [(0.05, 0.006, False), (0.001, 0.006, True), (0.05, 0.2, True)]
)
def test_a_gate_of_latency_finer_than_the_noise_of_the_machine_is_refused_with_a_limit_that_does(
    margin, noise, refused
):
    results = make_results(Shape(noise=noise, gates=(Gate(metric="latency", may_rise=margin),)))

    def told(limit):
        suite = {**results.run.suite, "gates": [{"metric": "latency", "may_rise": limit}]}
        run = results.run.model_copy(update={"suite": suite})
        return undetectable_slowdowns(baseline_of(replace(results, run=run)), results.latencies)

    found = told(margin)
    assert bool(found) == refused
    for each in found:
        assert f"allows a rise of {100 * margin:g} %, but 40 rounds of " in each
        assert told(float(re.search(r"may_rise = ([\d.]+)", each)[1])) == []


def test_a_gate_whose_figure_was_not_computed_is_told():
    gate = Gate(metric="top1", condition="noise", may_drop=0.02)
    results = make_results(replace(WIDE, conditions=("noise",), gates=(gate,)))
    assert unread_gates(baseline_of(results)) == []
    clean = {key: each for key, each in results.evaluations.items() if each.condition is None}
    found = unread_gates(baseline_of(replace(results, evaluations=clean)))
    assert found == ["the gate of top1 under noise has no figure of 6 of 6 students"]


def test_one_seed_cannot_hold_an_accuracy_gate():
    (found,) = problems(Shape(seeds=1))
    assert "one seed of 'cross_entropy' and 1 more (big -> small) has no spread" in found


def test_every_pair_is_named_once():
    found = problems(replace(WIDE, pairs=(("big", "small"), ("big", "tiny"))))
    assert [re.search(r"\((.*?)\)", each)[1] for each in found] == ["big -> small", "big -> tiny"]


def test_a_gate_that_sees_little_says_so_and_what_more_seeds_would_show():
    text = sentence(WIDE)
    assert text.startswith("With 3 seeds the accuracy gate sees only a drop of ")
    assert "one-sided t at 1 %, Holm over 2 rows, 0.50 allowed) or a collapsed seed; 5 seeds would show " in text
    now, then = (float(re.search(place, text)[1]) for place in (r"only a drop of ([\d.]+)", r"would show (\d+\.\d+)"))
    assert now > 5 * then / 2


def test_a_gate_that_sees_enough_asks_for_nothing():
    text = sentence(gated(0.2))
    assert "sees a drop of" in text
    assert "would show" not in text


def test_without_a_spread_only_a_collapse_is_seen():
    assert sentence(Shape(seeds=1)).startswith("The accuracy gate sees only a collapsed seed")


def test_no_drop_beyond_the_accuracy_itself_is_promised():
    """Of 'kd' two of three seeds are far below the third: no drop of its 50 points would be seen."""
    unstable = replace(
        WIDE, accuracy=lambda pair, loss, seed: [0.9, 0.3, 0.3][seed] if loss == "kd" else 0.9 + WOBBLE[seed]
    )
    (found,) = problems(unstable)
    least = "3 seeds of 'kd' and 1 more (big -> small) show none at all"
    assert f"{least}: not even 200 seeds would do: leave that row out of the suite" in found
    assert "or a collapsed seed; in 1 of 2 rows of students it sees no drop; 5 seeds" in sentence(unstable)
    assert "may_drop" not in found


def test_where_seeds_had_collapsed_a_collapse_is_not_seen():
    unstable = replace(WIDE, accuracy=lambda pair, loss, seed: 0.1 if (loss, seed) == ("kd", 0) else 0.9 + WOBBLE[seed])
    assert "collapsed seed (not in big -> small, where seeds had collapsed in the baseline)" in sentence(unstable)
