"""How verdicts came about, by hand."""

from math import exp, log

import pytest

from kdbench.analyze.gate.evidence import drop_told, ratio_told, seeds_told
from kdbench.analyze.gate.figures import Figure
from kdbench.results import LatencyComparison, SlicePair
from kdbench.spec import Gate, How
from kdbench.statistics.drops import DropVerdict
from tests.analyze.gate.runs import entry_of, moved, verdict_on
from tests.records import Shape, make_results

TOP1 = Figure(Gate(metric="top1", may_drop=0.01))


def test_seeds_stand_side_by_side_those_of_the_run_alone_last() -> None:
    assert seeds_told(TOP1, [3, 4], [0.9, 0.91], [0.89, 0.92, 0.95]) == (
        "seed 3: 90.00 % -> 89.00 %",
        "seed 4: 91.00 % -> 92.00 %",
        f"a further seed: {chr(0x2014)} -> 95.00 %",
    )


def test_both_rules_stand_with_what_they_found() -> None:
    verdict = DropVerdict("undecided", -0.012, -0.02, -0.004, 0.034, None)
    regressed, passed = drop_told(TOP1, verdict, 3, 2)
    assert regressed == (
        "regressed where a one-sided t-test over seeds rejects 'a drop of 1.00 points at most' at 1 %, shared by "
        "2 looks: p = 0.034 after Holm over 3 comparisons"
    )
    assert passed.startswith("passed where the change is within 1.00 points with 95 % confidence, shared by 2 looks: ")
    assert passed.endswith("the bound is −2.00")


def test_seeds_that_changed_alike_have_no_bound() -> None:
    *_, passed = drop_told(TOP1, DropVerdict("pass", 0.002, None, None, 0.5, None), 1, 1)
    assert passed.endswith("with 95 % confidence: +0.20 in every seed")


def test_sessions_stand_with_the_medians_of_their_slices() -> None:
    def pair(ratio: float) -> SlicePair:
        return SlicePair(
            candidate_p50=50 * ratio, candidate_min=40 * ratio, candidate_mean=1,
            reference_p50=50, reference_min=40, reference_mean=1,
        )  # fmt: skip

    how = How(provider="cpu", batch=1, threads=1)
    sessions = ((pair(1.0), pair(1.1), pair(1.5)), (pair(1.2),))
    first, second, *rules = ratio_told(LatencyComparison(what="p", how=how, sessions=sessions), 0.05, 4)
    assert first == "session 1: p50 x1.100, minimum x1.100"
    assert second == f"session 2: p50 x{exp(log(1.2)):.3f}, minimum x1.200"
    assert "above x1.050" in rules[0]
    assert rules[0].endswith("shared by 4 comparisons")


@pytest.mark.parametrize("drop", [0.0, 0.02])
def test_every_figure_of_a_verdict_has_its_evidence(drop: float) -> None:
    results = make_results(Shape(seeds=5))
    verdict = verdict_on(results, moved(results, drop))
    assert all(entry.evidence for entry in verdict.entries)
    told = entry_of(verdict, "top1").evidence
    assert [line.partition(":")[0] for line in told[:5]] == [f"seed {n}" for n in range(5)]
