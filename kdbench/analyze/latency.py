"""Latencies: percentiles of raw calls, and the ratio of two models timed in interleaved slices."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr

from kdbench.results import SlicePair

# MLPerf LoadGen's early stopping: a percentile's upper bound that holds with this probability.
BOUND_CONFIDENCE = 0.99
LOOKS = 3  # at most, at what rounds of slices say: each may end the timing, so they share the error
# One session's pairs, resampled, cover 71-74 % where 95 % is asked: sessions differ more than pairs do.
FEWEST_SESSIONS = 3
TAIL_DRAWS = 40  # bootstrap draws beyond a bound, so that the bound itself is not noise
FEWEST_DRAWS = 2000
DRAWN_BYTES = 64 * 2**20  # of one chunk of draws: all at once, a large family would take gigabytes


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
    sessions: Sequence[Sequence[SlicePair]], level: float = 0.95, looks: int = LOOKS, seed: int = 0
) -> RatioEstimate | None:
    """exp(median log ratio of slice p50), with a cluster bootstrap over sessions, then their pairs.

    The interval's error is shared by `looks` (Bonferroni). None under three sessions, whose spread is unknown. Raises
    `ValueError` for a time that is not positive.
    """
    kept = [session for session in sessions if session]
    if len(kept) < FEWEST_SESSIONS:
        return None
    logs = _log_ratios(kept, "p50")[None]
    tail = (1 - level) / 2 / looks
    (medians,) = _draw_medians(logs, [len(session) for session in kept], _draws(tail), seed)
    low, high = np.exp(np.quantile(medians, (tail, 1 - tail)))
    return RatioEstimate(float(np.exp(np.median(logs))), float(low), float(high), len(kept), logs.size)


def timing_settled(sessions: Sequence[Sequence[SlicePair]], margin: float) -> bool:
    """Whether the ratio is known well enough: its interval reaches at most half the margin to both sides."""
    found = estimate_ratio(sessions)
    return found is not None and found.half_width <= margin / 2


def judge_ratio(
    sessions: Sequence[Sequence[SlicePair]], margin: float, alpha: float = 0.01, family: int = 1, seed: int = 0
) -> RatioVerdict:
    """Fail where p50 and minimum are both shown to exceed 1 + margin; pass where p50 is shown to lie under it.

    The estimate is exp(median log ratio); bounds come from a bootstrap over sessions, then over their pairs.
    `family` is the number of ratios judged together: failing is decided at alpha / family (Bonferroni).
    Raises `ValueError` for a time that is not positive.
    """
    kept = [session for session in sessions if session]
    pairs = sum(map(len, kept))
    if len(kept) < FEWEST_SESSIONS:
        return RatioVerdict("undecided", None, None, len(kept), pairs)
    logs = np.stack([_log_ratios(kept, "p50"), _log_ratios(kept, "min")])
    medians = _draw_medians(logs, [len(session) for session in kept], _draws(alpha / family), seed)
    p50, minimum = (_bounds(one, drawn, alpha, family) for one, drawn in zip(logs, medians, strict=True))
    limit = 1 + margin
    status: Literal["pass", "fail", "undecided"] = "undecided"
    if p50.lower_of_family > limit and minimum.lower_of_family > limit:
        status = "fail"
    elif p50.upper < limit:
        status = "pass"
    return RatioVerdict(status, p50, minimum, len(kept), pairs)


def _draws(alpha: float) -> int:
    return max(FEWEST_DRAWS, round(TAIL_DRAWS / alpha))


def _log_ratios(sessions: Sequence[Sequence[SlicePair]], figure: Literal["p50", "min"]) -> NDArray[np.float64]:
    """log(candidate / reference) of all pairs, session after session; [pairs]."""
    times = np.array(
        [[getattr(pair, f"{side}_{figure}") for side in ("candidate", "reference")] for s in sessions for pair in s]
    )
    if times.min() <= 0:
        raise ValueError("slice times must be positive")
    logs: NDArray[np.float64] = np.log(times[:, 0] / times[:, 1])
    return logs


def _draw_medians(logs: NDArray[np.float64], lengths: Sequence[int], draws: int, seed: int) -> NDArray[np.float64]:
    """The median of each draw, for each row of [figures, pairs]; [figures, draws]. Drawn in chunks of bounded size."""
    random = np.random.default_rng(seed)
    # A draw's indices, their random numbers and their values stand side by side: 8 bytes each, and copies of them.
    step = max(1, DRAWN_BYTES // (4 * 8 * max(1, sum(lengths))))
    medians = np.empty((len(logs), draws))
    for start in range(0, draws, step):
        drawn = _draw_pairs(lengths, min(step, draws - start), random)
        for row, ratios in zip(medians, logs, strict=True):
            row[start : start + len(drawn)] = np.median(ratios[drawn], axis=1, overwrite_input=True)
    return medians


def _draw_pairs(lengths: Sequence[int], draws: int, random: np.random.Generator) -> NDArray[np.intp]:
    """Which pairs each draw takes, as indices into all pairs; [draws, sessions x mean pairs a session]."""
    sizes = np.asarray(lengths)
    starts = np.concatenate(([0], np.cumsum(sizes)[:-1]))
    each = max(1, round(sizes.mean()))
    chosen = random.integers(len(sizes), size=(draws, len(sizes)))
    within = (random.random((draws, len(sizes), each)) * sizes[chosen][:, :, None]).astype(np.intp)
    indices: NDArray[np.intp] = (starts[chosen][:, :, None] + within).reshape(draws, -1)
    return indices


def _bounds(logs: NDArray[np.float64], medians: NDArray[np.float64], alpha: float, family: int) -> RatioBounds:
    lower, upper, strict = np.quantile(medians, (alpha, 1 - alpha, alpha / family))
    return RatioBounds(*(float(np.exp(value)) for value in (np.median(logs), lower, upper, strict)))
