"""The ratio of two networks timed in interleaved slices, and when enough slices have been timed to know it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median
from typing import Literal

from kdbench.statistics.intervals import TRIMMED_DF, t_interval, trimmed_mean

# Of each session, the times of candidate and reference in each pair of slices: microseconds a call.
Sessions = Sequence[Sequence[tuple[float, float]]]
# Sessions after which the ratio is looked at. Each look may end the timing, so all looks share the error.
LOOKS = (5, 10, 16)
# Those of the gate, which goes on for longer before it gives up: half as much spread takes four times the sessions.
GATE_LOOKS = (5, 10, 20, 40)
# Sessions differ more than the pairs of one session: with fewer, their spread is hardly known.
FEWEST_SESSIONS = 3
GATE_ALPHA = 0.01
# What is left out of the gate's sessions at either end, where there are many: now and then other processes put one far
# off, and the gate goes on for that long where they do (docs/decisions/0041).
TRIMMED, TRIMMED_FROM = 0.2, 20


@dataclass(frozen=True)
class RatioEstimate:
    """Candidate over reference, with an interval that accounts for repeated looks."""

    estimate: float
    low: float
    high: float
    sessions: int
    pairs: int

    @property
    def half_width(self) -> float:
        """The larger distance of the interval's ends, as a share of the estimate."""
        return max(self.high / self.estimate - 1, 1 - self.low / self.estimate)

    @property
    def inverse(self) -> "RatioEstimate":
        """Reference over candidate."""
        return replace(self, estimate=1 / self.estimate, low=1 / self.high, high=1 / self.low)

    def over(self, other: "RatioEstimate") -> "RatioEstimate":
        """The ratio of two networks by way of their reference: log distances add in quadrature."""
        ratio = self.estimate / other.estimate
        down = math.hypot(math.log(self.low / self.estimate), math.log(other.high / other.estimate))
        up = math.hypot(math.log(self.high / self.estimate), math.log(other.low / other.estimate))
        fewest = min(self, other, key=lambda each: each.sessions)
        return RatioEstimate(ratio, ratio * math.exp(-down), ratio * math.exp(up), fewest.sessions, fewest.pairs)


@dataclass(frozen=True)
class RatioBounds:
    """Candidate over reference: the estimate, and the one-sided bounds that decide."""

    estimate: float
    lower: float  # at 1 - alpha / (looks x family): over the limit it fails
    upper: float  # at 1 - alpha / looks: under the limit it passes


@dataclass(frozen=True)
class RatioVerdict:
    """Whether the candidate is slower than the reference by more than the margin."""

    status: Literal["pass", "fail", "undecided"]
    p50: RatioBounds | None
    minimum: RatioBounds | None
    sessions: int
    pairs: int


def estimate_ratio(sessions: Sessions, level: float = 0.95, looks: int = len(LOOKS)) -> RatioEstimate | None:
    """The ratio of two networks: exp(mean over sessions of their median log ratio), with Student's t over sessions.

    A session is one value, since pairs of one session share its offset (docs/decisions/0009). The interval's error is
    shared by `looks` (Bonferroni). None under three sessions, whose spread is unknown. Raises `ValueError` for a time
    that is not positive.
    """
    medians = session_medians(sessions)
    interval = t_interval(medians, 1 - (1 - level) / looks)
    if len(medians) < FEWEST_SESSIONS or interval is None:
        return None
    ratio, low, high = (math.exp(value) for value in (fmean(medians), interval.low, interval.high))
    return RatioEstimate(ratio, low, high, len(medians), sum(map(len, sessions)))


def timing_settled(sessions: Sessions, margin: float) -> bool:
    """Whether the ratio is known well enough: its interval reaches at most half the margin to both sides."""
    found = estimate_ratio(sessions)
    return found is not None and found.half_width <= margin / 2


def judge_ratio(
    p50s: Sessions,
    minima: Sessions,
    margin: float,
    alpha: float = GATE_ALPHA,
    family: int = 1,
    looks: int = len(GATE_LOOKS),
) -> RatioVerdict:
    """Fail where p50 and minimum are both shown to exceed 1 + margin; pass where p50 is shown to lie under it.

    `p50s` and `minima` are the medians and the minima of the same slices. Estimates and bounds are as for
    `estimate_ratio`, from `TRIMMED_FROM` sessions on those of a trimmed mean. Each look may fail the candidate or pass
    it, so the `looks` share the error on both sides (Bonferroni): at exactly the limit it fails in at most alpha of all
    timings, and passes in at most alpha. The ratios judged together, their number is `family`, share the error of
    failing too. Raises `ValueError` for a time that is not positive.
    """
    pairs = sum(map(len, p50s))
    p50, minimum = (_bounds(session_medians(each), alpha / looks, family) for each in (p50s, minima))
    number = sum(map(bool, p50s))
    if p50 is None or minimum is None:
        return RatioVerdict("undecided", None, None, number, pairs)
    limit = 1 + margin
    status: Literal["pass", "fail", "undecided"] = "undecided"
    if p50.lower > limit and minimum.lower > limit:
        status = "fail"
    elif p50.upper < limit:
        status = "pass"
    return RatioVerdict(status, p50, minimum, number, pairs)


def session_medians(sessions: Sessions) -> list[float]:
    """Of each session with slices, the median of log(candidate / reference)."""
    return [median(_log_ratio(*pair) for pair in session) for session in sessions if session]


def _log_ratio(candidate: float, reference: float) -> float:
    if candidate <= 0 or reference <= 0:
        raise ValueError("slice times must be positive")
    return math.log(candidate / reference)


def freedom(sessions: int) -> float:
    """Degrees of freedom of the bounds that `judge_ratio` gives for so many sessions."""
    cut = int(TRIMMED * sessions) if sessions >= TRIMMED_FROM else 0
    return (TRIMMED_DF if cut else 1.0) * (sessions - 2 * cut - 1)


def _bounds(medians: Sequence[float], alpha: float, family: int) -> RatioBounds | None:
    """None under three sessions, or where they have no spread to judge by."""
    if len(medians) < FEWEST_SESSIONS:
        return None
    centre, error = trimmed_mean(medians, TRIMMED if len(medians) >= TRIMMED_FROM else 0.0)
    if error is None:
        return None
    lower, upper = centre - error.half_width(alpha / family), centre + error.half_width(alpha)
    return RatioBounds(*map(math.exp, (centre, lower, upper)))
