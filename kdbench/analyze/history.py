"""The history of a suite's checks: each figure as a series, the levels that it had, and what its changes add up to."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean
from typing import get_args

from scipy.special import stdtrit

from kdbench.analyze.gate.verdict import Verdict
from kdbench.results import Baseline, RunRecord
from kdbench.results.baselines.checks import CheckedFigure, CheckRecord
from kdbench.spec.comparison import FALLING, Metric, OfFiles
from kdbench.statistics.checks.change_points import FEWEST, change_points, noise_of
from kdbench.statistics.intervals import Interval
from kdbench.statistics.ratios import GATE_LOOKS, freedom

SHARES = ("top1", "right_everywhere", "ece")  # changes are differences; those of all else are ratios
MORE_ROWS = re.compile(r" and \d+ more rows?\b")  # a loss that is added later makes no other figure of it
ROUNDING = 1e-9
OF_SEEDS = (0.05, 0.01)  # tails beyond the two bounds of a figure of seeds: see `analyze/gate/seeds.py`
OF_RATIOS = 0.01 / len(GATE_LOOKS)  # beyond the upper bound of a ratio of latency


@dataclass(frozen=True)
class Point:
    """A figure at one check, with its 95 % interval where its error is known.

    Latency is relative to the first baseline of the series: ratios to later baselines are multiplied.
    """

    check: CheckRecord
    value: float
    interval: Interval | None


@dataclass(frozen=True)
class Level:
    """The checks between two changes, and their mean."""

    points: tuple[Point, ...]
    mean: float


@dataclass(frozen=True)
class Series:
    """A figure over all checks that had it."""

    kind: Metric
    what: str
    levels: tuple[Level, ...]
    interval: Interval | None  # of `change`; None where it has no noise
    allowed: float  # the change for the worse that one check lets pass, as `change` is: above 0
    regressed: bool = False  # by the latest check

    @property
    def points(self) -> tuple[Point, ...]:
        return tuple(point for level in self.levels for point in level.points)

    @property
    def short(self) -> bool:
        """Whether its checks are too few to tell a change of level; counts have no noise, and any number does."""
        return len(self.points) < FEWEST and self.kind not in get_args(OfFiles)

    @property
    def change(self) -> float:
        """From the first level to the last: of shares a difference, of all else a share of the first."""
        return _shown(self.kind, _scaled(self.kind, self.levels[-1].mean) - _scaled(self.kind, self.levels[0].mean))

    @property
    def worse(self) -> bool:
        """Whether the change is for the worse."""
        return self._loss(self.change) > ROUNDING

    @property
    def beyond(self) -> bool:
        """Whether the figure is shown to be worse than at first by more than one check lets pass."""
        ends = (self.interval.low, self.interval.high) if self.interval else (self.change,)
        return min(map(self._loss, ends)) > self.allowed + ROUNDING

    def _loss(self, change: float) -> float:
        return -change if self.kind in FALLING else change


@dataclass(frozen=True)
class _Found:
    """A figure of a check, with its value on the scale where changes are differences."""

    check: CheckRecord
    figure: CheckedFigure
    value: float

    @property
    def error(self) -> float | None:
        """The standard error of the value, from the figure's bounds; None where these are not known."""
        kind, lower, upper, n = self.figure.kind, self.figure.lower, self.figure.upper, self.figure.n
        if lower is None or upper is None or not n or n < 2:
            return None
        if kind == "latency":
            return math.log(upper / (self.figure.estimate or upper)) / -float(stdtrit(freedom(n), OF_RATIOS))
        return (_scaled(kind, upper) - _scaled(kind, lower)) / -float(sum(stdtrit(n - 1, tail) for tail in OF_SEEDS))

    @property
    def point(self) -> Point:
        kind, error = self.figure.kind, self.error
        value = _unscaled(kind, self.value)
        if error is None:
            return Point(self.check, value, None)
        n = self.figure.n or 2
        half = -float(stdtrit(freedom(n) if kind == "latency" else n - 1, 0.025)) * error
        return Point(
            self.check, value, Interval(_unscaled(kind, self.value - half), _unscaled(kind, self.value + half))
        )


def record_of(verdict: Verdict, baseline: Baseline, run: RunRecord, checked: str, commit: str | None) -> CheckRecord:
    """What is kept of a check: `checked` is its time, ISO 8601, UTC."""
    kept = CheckedFigure.model_fields
    return CheckRecord(
        suite=verdict.suite,
        checked=checked,
        run=run.run_id,
        baseline=baseline.run,
        commit=commit,
        figures=tuple(CheckedFigure(**{name: getattr(entry, name) for name in kept}) for entry in verdict.entries),
    )


def history_of(checks: Sequence[CheckRecord]) -> tuple[Series, ...]:
    """Every figure as a series: those that the latest check regressed first, then beyond the limit, worse, changed."""
    found = [_series(*name, group, checks[-1]) for name, group in _grouped(checks).items()]
    return tuple(
        sorted(found, key=lambda each: (not each.regressed, not each.beyond, not each.worse, len(each.levels) == 1))
    )


def _grouped(checks: Sequence[CheckRecord]) -> dict[tuple[Metric, str], list[_Found]]:
    """Every figure of the checks, by kind and name."""
    groups: dict[tuple[Metric, str], list[_Found]] = {}
    # By name and network, whatever run it is of: the series that it belongs to, and its level there.
    known: dict[tuple[str, str], tuple[str, float]] = {}
    for check in checks:
        for figure in check.figures:
            what = MORE_ROWS.sub("", figure.what)
            if figure.kind == "latency" and figure.estimate is not None:
                new = f"{what}, since the baseline of run {check.baseline}" if ("latency", what) in groups else what
                was, now = figure.architectures or (check.baseline, check.run)  # earlier checks do not tell networks
                name, level = known.setdefault((what, was), (new, 0.0))
                value = level + math.log(figure.estimate)
                known.setdefault((what, now), (name, value))
                groups.setdefault(("latency", name), []).append(_Found(check, figure, value))
            elif figure.current is not None and (figure.current > 0 or figure.kind in SHARES):
                value = _scaled(figure.kind, figure.current)
                groups.setdefault((figure.kind, what), []).append(_Found(check, figure, value))
    return groups


def _series(kind: Metric, what: str, group: Sequence[_Found], latest: CheckRecord) -> Series:
    values = [each.value for each in group]
    errors = [each.error for each in group if each.error is not None]
    exact = kind in get_args(OfFiles)
    moved = [at for at in range(1, len(values)) if values[at] != values[at - 1]]
    cuts = moved if exact else change_points(values, errors)
    stretches = [slice(*ends) for ends in pairwise([0, *cuts, len(values)])]
    levels = [
        Level(tuple(each.point for each in group[stretch]), _unscaled(kind, fmean(values[stretch])))
        for stretch in stretches
    ]
    noisy = not exact and len(levels) > 1
    interval = _of_change(kind, [values[stretch] for stretch in stretches], errors) if noisy else None
    last = group[-1]
    regressed = last.check is latest and last.figure.status == "regressed"
    return Series(kind, what, tuple(levels), interval, _allowed(last.figure), regressed)


def _of_change(kind: Metric, levels: Sequence[Sequence[float]], errors: Sequence[float]) -> Interval:
    """Of the last level less the first: Student's t, with the noise of single checks over the whole series."""
    every = [value for level in levels for value in level]
    difference = fmean(levels[-1]) - fmean(levels[0])
    error = noise_of(every, errors) * math.sqrt(1 / len(levels[0]) + 1 / len(levels[-1]))
    half = -float(stdtrit(len(every) - len(levels), 0.025)) * error
    return Interval(_shown(kind, difference - half), _shown(kind, difference + half))


def _allowed(figure: CheckedFigure) -> float:
    """The change that one check lets pass, above 0: of a share points, of all else a share."""
    if figure.limit is None:
        return 0.0
    if figure.kind in SHARES:
        return abs(figure.limit)
    return figure.limit / (figure.baseline or 1.0) - 1 if figure.kind in get_args(OfFiles) else figure.limit - 1


def _scaled(kind: Metric, value: float) -> float:
    return value if kind in SHARES else math.log(value)


def _unscaled(kind: Metric, value: float) -> float:
    return value if kind in SHARES else math.exp(value)


def _shown(kind: Metric, difference: float) -> float:
    return difference if kind in SHARES else math.expm1(difference)
