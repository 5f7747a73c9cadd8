"""Ratios of the seconds of steps: one for each round, their median and its interval."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import bdtr

from benchmarks.harness import Content

NOT_MEASURED = "not measured"
REFERENCES = ("cross_entropy", "kd")


@dataclass(frozen=True)
class Ratio:
    """The step of a loss divided by that of a reference: the median over rounds and, if any, its 95 % interval."""

    median: float
    low: float | None
    high: float | None

    def __str__(self) -> str:
        interval = "" if self.low is None else f" ({self.low:.2f} to {self.high:.2f})"
        return f"{self.median:.2f}{interval}"


@dataclass(frozen=True)
class Cost:
    """The time of a loss's whole step, and its ratios to the references."""

    milliseconds: float
    over: dict[str, Ratio]


def cost(content: Content, pair: str, loss: str) -> Cost | str:
    """The cost of a loss on a pair, or the reason why there is none."""
    unit = content["units"].get(f"{pair}/{loss}")
    if unit is None:
        return NOT_MEASURED
    if "not_applicable" in unit:
        return f"not applicable: {unit['not_applicable']}"
    rounds = {side: [statistics.median(steps) for steps in values] for side, values in unit["seconds"].items()}
    own = rounds.pop("loss")
    over = {
        side: ratio([mine / other for mine, other in zip(own, others, strict=True)]) for side, others in rounds.items()
    }
    return Cost(1e3 * statistics.median(own), over)


def ratio(values: Sequence[float]) -> Ratio:
    """The median with its interval by order statistics, which assumes no distribution of the values.

    The k-th least and the k-th greatest hold the median unless fewer than k values lie on one side of it, of which the
    chance is 2 P(Binomial(n, 1/2) < k). Under 6 values there is no such interval of 95 %.
    """
    ordered = sorted(values)
    k = 0
    while 2 * float(bdtr(k, len(ordered), 0.5)) <= 0.05:
        k += 1
    low, high = (ordered[k - 1], ordered[-k]) if k else (None, None)
    return Ratio(statistics.median(ordered), low, high)
