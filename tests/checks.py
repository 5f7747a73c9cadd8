"""Past checks for tests: a student whose figures are given by check."""

from collections.abc import Sequence

import numpy as np

from kdbench.results.baselines.checks import CheckedFigure, CheckRecord


def check(number: int, *figures: CheckedFigure, baseline: str = "run-0") -> CheckRecord:
    """The check of the run `run-<number>`, one a day."""
    return CheckRecord(
        suite="quick",
        checked=f"2026-{1 + number // 28:02}-{1 + number % 28:02}T03:00:00+00:00",
        run=f"run-{number}",
        baseline=baseline,
        commit=f"{number:012x}",
        figures=figures,
    )


def top1(value: float, *, half: float = 0.002) -> CheckedFigure:
    """Of five seeds, against 90 %; the bounds reach so far from the change."""
    change = value - 0.9
    return CheckedFigure(
        kind="top1", what="p / student / kd", status="pass", baseline=0.9, current=value,
        estimate=change, lower=change - half, upper=change + half, limit=-0.005, n=5,
    )  # fmt: skip


def latency(ratio: float, architectures: tuple[str, str] | None = None) -> CheckedFigure:
    return CheckedFigure(
        kind="latency", what="p / student / kd and 2 more rows / cpu", status="pass",
        estimate=ratio, lower=ratio * 0.995, upper=ratio * 1.005, limit=1.05, n=20, architectures=architectures,
    )  # fmt: skip


def parameters(count: int) -> CheckedFigure:
    return CheckedFigure(
        kind="parameters", what="p / student / kd", status="pass", baseline=1000, current=count, limit=1000
    )


def creeping(checks: int = 30, step: float = 0.002, every: int = 10, seed: int = 0) -> Sequence[CheckRecord]:
    """Latency that grows by a fifth of a percent each check; every tenth run is frozen as the next baseline."""
    random = np.random.default_rng(seed)
    level = np.exp(step * np.arange(checks + 1))
    found = []
    for number in range(1, checks + 1):
        frozen = (number - 1) // every * every
        ratio = level[number] / level[frozen] * np.exp(random.normal(0, 0.003))
        figures = (latency(float(ratio)), top1(0.9), parameters(1000 + 8 * (number > 20)))
        found.append(check(number, *figures, baseline=f"run-{frozen}"))
    return found
