"""Latencies: percentiles of raw calls, and the ratio of two models timed in interleaved slices."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr

from kdbench.results import SlicePair
from kdbench.statistics.intervals import one_sided_bound, t_interval

# MLPerf LoadGen's early stopping: a percentile's upper bound that holds with this probability.
BOUND_CONFIDENCE = 0.99
FIGURES: tuple[Literal["p50", "min"], ...] = ("p50", "min")
LOOKS = 3  # at most, at what rounds of slices say: each may end the timing, so they share the error
# Sessions differ more than the pairs of one do: from fewer, their spread is hardly known.
FEWEST_SESSIONS = 3


@dataclass(frozen=True)
class Percentile:
    """A percentile of call times, and what the true one lies under with 99 % confidence; microseconds."""

    value: float
    bound: float


@dataclass(frozen=True)
class CallTimes:
    """Raw call times summarized, in microseconds; a percentile that the calls are too few to bound is None."""

    calls: int
    minimum: float
    p50: float
    p50_bound: float | None
    p90: Percentile | None
    p99: Percentile | None
    samples_per_second: float


@dataclass(frozen=True)
class RatioEstimate:
    """Candidate over reference, with an interval that holds however often it was looked at."""

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
    """Candidate over reference: the estimate, and one-sided bounds at 1 - alpha."""

    estimate: float
    lower: float
    upper: float
    lower_of_family: float  # at 1 - alpha / family: what a failure is decided by


@dataclass(frozen=True)
class RatioVerdict:
    """Whether the candidate is slower than the reference by more than the margin."""

    status: Literal["pass", "fail", "undecided"]
    p50: RatioBounds | None
    minimum: RatioBounds | None
    sessions: int
    pairs: int


def summarize_calls(call_microseconds: Sequence[float], batch: int) -> CallTimes:
    """Percentiles of the calls and the throughput over all of them. Raises `ValueError` without calls."""
    calls = np.sort(np.asarray(call_microseconds, dtype=np.float64))
    if not calls.size or calls[0] <= 0:
        raise ValueError("call times must be positive, and there must be some")

    def percentile(p: float) -> Percentile | None:
        bound = percentile_bound(calls, p)
        return None if bound is None else Percentile(float(np.quantile(calls, p)), bound)

    return CallTimes(
        calls=calls.size,
        minimum=float(calls[0]),
        p50=float(np.median(calls)),
        p50_bound=percentile_bound(calls, 0.5),
        p90=percentile(0.9),
        p99=percentile(0.99),
        samples_per_second=float(batch * calls.size / (calls.sum() / 1e6)),
    )


def percentile_bound(ordered: NDArray[np.float64], p: float) -> float | None:
    """What the true percentile lies under with 99 % confidence; None where the calls are too few: 64 for p90.

    Of n calls in order, the t-th largest, where t is the most calls over the true percentile that chance explains:
    P(Binomial(n, 1 - p) <= t) <= 1 %. Source: early stopping in MLPerf's LoadGen, which counts the bound itself among
    the t, so that 662 calls are the fewest for p99.
    """
    n = len(ordered)
    over = np.arange(1, n)
    allowed = int((bdtr(over, n, 1 - p) <= 1 - BOUND_CONFIDENCE).sum())
    return float(ordered[n - allowed]) if allowed else None


def estimate_ratio(
    sessions: Sequence[Sequence[SlicePair]], level: float = 0.95, looks: int = LOOKS
) -> RatioEstimate | None:
    """The ratio of slice p50s: exp(mean over sessions of their median log ratio), with Student's t over sessions.

    A session is one value, since pairs of one session share its offset (docs/decisions/0009). The interval's error is
    shared by `looks` (Bonferroni). None under three sessions, whose spread is unknown. Raises `ValueError` for a time
    that is not positive.
    """
    medians = _session_medians(sessions, "p50")
    interval = t_interval(medians, 1 - (1 - level) / looks)
    if len(medians) < FEWEST_SESSIONS or interval is None:
        return None
    ratio, low, high = (math.exp(value) for value in (fmean(medians), interval.low, interval.high))
    return RatioEstimate(ratio, low, high, len(medians), sum(map(len, sessions)))


def timing_settled(sessions: Sequence[Sequence[SlicePair]], margin: float) -> bool:
    """Whether the ratio is known well enough: its interval reaches at most half the margin to both sides."""
    found = estimate_ratio(sessions)
    return found is not None and found.half_width <= margin / 2


def judge_ratio(
    sessions: Sequence[Sequence[SlicePair]], margin: float, alpha: float = 0.01, family: int = 1
) -> RatioVerdict:
    """Fail where p50 and minimum are both shown to exceed 1 + margin; pass where p50 is shown to lie under it.

    Estimates and bounds as for `estimate_ratio`. `family` is the number of ratios judged together: failing is decided
    at alpha / family (Bonferroni). Raises `ValueError` for a time that is not positive.
    """
    pairs = sum(map(len, sessions))
    p50, minimum = (_bounds(_session_medians(sessions, figure), alpha, family) for figure in FIGURES)
    number = sum(map(bool, sessions))
    if p50 is None or minimum is None:
        return RatioVerdict("undecided", None, None, number, pairs)
    limit = 1 + margin
    status: Literal["pass", "fail", "undecided"] = "undecided"
    if p50.lower_of_family > limit and minimum.lower_of_family > limit:
        status = "fail"
    elif p50.upper < limit:
        status = "pass"
    return RatioVerdict(status, p50, minimum, number, pairs)


def _session_medians(sessions: Sequence[Sequence[SlicePair]], figure: Literal["p50", "min"]) -> list[float]:
    """Of each session with slices, the median of log(candidate / reference)."""
    return [median(_log_ratio(pair, figure) for pair in session) for session in sessions if session]


def _log_ratio(pair: SlicePair, figure: Literal["p50", "min"]) -> float:
    candidate, reference = getattr(pair, f"candidate_{figure}"), getattr(pair, f"reference_{figure}")
    if candidate <= 0 or reference <= 0:
        raise ValueError("slice times must be positive")
    return math.log(candidate / reference)


def _bounds(medians: Sequence[float], alpha: float, family: int) -> RatioBounds | None:
    """None under three sessions, or where they have no spread to judge by."""
    if len(medians) < FEWEST_SESSIONS:
        return None
    bounds = (
        one_sided_bound(medians, 1 - alpha, "lower"),
        one_sided_bound(medians, 1 - alpha, "upper"),
        one_sided_bound(medians, 1 - alpha / family, "lower"),
    )
    logs = [fmean(medians), *(bound for bound in bounds if bound is not None)]
    return RatioBounds(*map(math.exp, logs)) if len(logs) == 4 else None
