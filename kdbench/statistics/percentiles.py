"""Percentiles of call times, each with an upper bound.

The bounds take the calls as drawn independently from one distribution. So they hold for the conditions in which these
calls were made, and not for a later session: what differs from session to session is in the ratios' intervals alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr

BOUND_CONFIDENCE = 0.99


@dataclass(frozen=True)
class Percentile:
    """A percentile of call times, and an upper bound at 99 % confidence of that of such calls; microseconds."""

    value: float
    bound: float


@dataclass(frozen=True)
class CallTimes:
    """Raw call times summarized, in microseconds; a percentile without a bound is None."""

    calls: int
    minimum: float
    p50: float
    p50_bound: float | None
    p90: Percentile | None
    p99: Percentile | None
    samples_per_second: float


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
    """An upper bound of the true percentile at 99 % confidence; None where the calls are too few: p90 needs 64.

    Of n calls in order, the t-th largest, where t is the largest number with P(Binomial(n, 1 - p) <= t) <= 1 %.
    Source: early stopping in MLPerf's LoadGen, which counts the bound itself among the t, so that p99 needs 662 calls.
    """
    n = len(ordered)
    over = np.arange(1, n)
    allowed = int((bdtr(over, n, 1 - p) <= 1 - BOUND_CONFIDENCE).sum())
    return float(ordered[n - allowed]) if allowed else None
