"""Latencies: percentiles of raw calls, and the ratio of two models timed in interleaved slices."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from kdbench.results import SlicePair

# MLPerf LoadGen's early stopping: the fewest calls from which a percentile can be bounded at all.
CALLS_FOR_P90 = 64
CALLS_FOR_P99 = 662
# One session's pairs, resampled, cover 71-74 % where 95 % is asked: sessions differ more than pairs do.
FEWEST_SESSIONS = 3
TAIL_DRAWS = 40  # bootstrap draws beyond a bound, so that the bound itself is not noise
FEWEST_DRAWS = 2000
DRAWN_BYTES = 64 * 2**20  # of one chunk of draws: all at once, a large family would take gigabytes


@dataclass(frozen=True)
class CallTimes:
    """Raw call times summarized, in microseconds; a percentile that the calls are too few for is None."""

    calls: int
    minimum: float
    p50: float
    p90: float | None
    p99: float | None
    samples_per_second: float
    seconds: float  # all calls together


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
    calls = np.asarray(call_microseconds, dtype=np.float64)
    if not calls.size or calls.min() <= 0:
        raise ValueError("call times must be positive, and there must be some")
    n = calls.size
    p50, p90, p99 = (float(p) for p in np.percentile(calls, (50, 90, 99)))
    return CallTimes(
        calls=n,
        minimum=float(calls.min()),
        p50=p50,
        p90=p90 if n >= CALLS_FOR_P90 else None,
        p99=p99 if n >= CALLS_FOR_P99 else None,
        samples_per_second=float(batch * n / (calls.sum() / 1e6)),
        seconds=float(calls.sum() / 1e6),
    )


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
