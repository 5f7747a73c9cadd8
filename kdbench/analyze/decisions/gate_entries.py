"""One comparison of a check: what was compared, what came out, and in which words."""

from dataclasses import dataclass
from typing import Literal

# 'unjudged': shown, and decides nothing, because one seed has no spread to judge by.
Status = Literal["pass", "fail", "inconclusive", "invalid", "unjudged"]
Kind = Literal["top1", "latency", "parameters", "flops", "onnx_bytes"]


@dataclass(frozen=True)
class GateEntry:
    """A figure against its baseline. Top-1 as fractions, latency as ratio new / baseline, counts as counts."""

    kind: Kind
    what: str  # pair / role / loss or timing
    status: Status
    message: str
    baseline: float | None = None
    current: float | None = None
    estimate: float | None = None  # difference of top-1, or ratio of latency
    lower: float | None = None  # one-sided bound
    upper: float | None = None
    limit: float | None = None  # top-1: -d; latency: 1 + m; counts: the baseline's
    n: int | None = None  # seeds or slice pairs
    measured: bool = True  # whether a figure was there to compare
