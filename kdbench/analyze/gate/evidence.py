"""How verdicts come about, in lines: the values that were compared, the rule that decides, and what it found."""

from collections.abc import Sequence
from itertools import zip_longest
from math import exp

from kdbench.analyze.decisions.wording import NONE, several
from kdbench.analyze.gate.figures import Figure
from kdbench.results import LatencyComparison
from kdbench.results.timings import slice_minima, slice_p50s
from kdbench.statistics.drops import FAIL_ALPHA, PASS_ALPHA, DropVerdict
from kdbench.statistics.ratios import GATE_ALPHA, GATE_LOOKS, TRIMMED, TRIMMED_FROM, session_medians


def seeds_told(figure: Figure, seeds: Sequence[int], before: Sequence[float], now: Sequence[float]) -> tuple[str, ...]:
    """`seed 0: 91.20 % -> 90.80 %`, a line each; those that only the run has come last."""
    return tuple(
        f"{'a further seed' if seed is None else f'seed {seed}'}: "
        f"{NONE if was is None else figure.say_value(was)} -> {figure.say_value(new)}"
        for seed, was, new in zip_longest(seeds, before, now)
    )


def drop_told(figure: Figure, verdict: DropVerdict, family: int, looks: int) -> tuple[str, ...]:
    """The test by which seeds decide."""
    allowed, shared = figure.say_size(figure.allowed), f", shared by {several(looks, 'look')}" if looks > 1 else ""
    test = f"p = {verdict.p_value:.2g} after Holm over {several(family, 'comparison')}"
    return (
        f"regressed where a one-sided t-test over seeds rejects 'a {figure.drop} of {allowed} at most' at "
        f"{100 * FAIL_ALPHA:g} %{shared}: {test}",
        f"passed where the change is within {allowed} with {100 * (1 - PASS_ALPHA):g} % confidence{shared}: "
        f"{_bound(figure, verdict.lower, verdict.change)}",
    )


def _bound(figure: Figure, bound: float | None, change: float) -> str:
    if bound is None:
        return f"{figure.say(change)} in every seed"
    return f"the bound is {figure.say(bound)}"


def ratio_told(comparison: LatencyComparison, margin: float, family: int) -> tuple[str, ...]:
    """Every session's ratio, and the rule."""
    p50s, minima = (session_medians(each(comparison.sessions)) for each in (slice_p50s, slice_minima))
    sessions = (
        f"session {number}: p50 x{exp(p50):.3f}, minimum x{exp(minimum):.3f}"
        for number, (p50, minimum) in enumerate(zip(p50s, minima, strict=True), start=1)
    )
    error = f"{100 * GATE_ALPHA:g} % over looks after {', '.join(map(str, GATE_LOOKS))} rounds"
    return (
        *sessions,
        f"regressed where the lower bounds of p50 and of the minimum are above x{1 + margin:.3f}: Student's t over "
        f"sessions, from {TRIMMED_FROM} on without {100 * TRIMMED:g} % at either end, {error}, shared by "
        f"{several(family, 'comparison')}",
        f"passed where the upper bound of p50 is under x{1 + margin:.3f}: likewise, by itself",
    )
