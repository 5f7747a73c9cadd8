"""Retention of the teacher's accuracy, and the share of the gap to the teacher that distillation closes."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from kdbench.statistics.intervals import Estimate, Interval, estimate, t_interval


@dataclass(frozen=True)
class GapClosed:
    """(distilled - alone) / (teacher - alone): 0 is the student alone, 1 the teacher. None with the reason why."""

    value: float | None
    interval: Interval | None  # Fieller's, over seeds
    gap: Estimate | None  # teacher - alone
    seeds: tuple[int, ...]
    reason: str | None


def gap_closed(
    distilled: Mapping[int, float],
    alone: Mapping[int, float],
    teacher: float | Mapping[int, float],
    level: float = 0.95,
) -> GapClosed:
    """The share of the gap closed, accuracies by student seed; `teacher` by student seed too, where it varies.

    A ratio of means over the seeds that all sides have, with Fieller's interval (1954): the values r for which
    gain - r gap, paired by seed, has a mean that a t-test does not tell from 0. That set is one bounded interval
    exactly where the t-interval of the gap excludes 0; otherwise, or with a teacher no better than the student alone,
    there is no figure. One teacher: the interval holds for that teacher alone.
    """
    teachers = teacher if isinstance(teacher, Mapping) else dict.fromkeys(alone, teacher)
    seeds = tuple(sorted(distilled.keys() & alone.keys() & teachers.keys()))
    if not seeds:
        return GapClosed(None, None, None, seeds, "no seed has the student alone, the distilled one and the teacher")
    gains = [distilled[seed] - alone[seed] for seed in seeds]
    gap = estimate([teachers[seed] - alone[seed] for seed in seeds], level)
    reason = _why_not(gap)
    if reason:
        return GapClosed(None, None, gap, seeds, reason)
    value = float(np.mean(gains)) / gap.mean
    return GapClosed(value, ratio_interval(gains, gap.values, level), gap, seeds, None)


def ratio_interval(above: Sequence[float], below: Sequence[float], level: float = 0.95) -> Interval | None:
    """Fieller's interval of mean(above) / mean(below), paired; None where it is unbounded or nothing varies.

    The r with (A - r B)^2 <= t^2 (s_aa - 2 r s_ab + r^2 s_bb) / n: bounded where B^2 > t^2 s_bb / n.
    """
    n = len(above)
    if t_interval(below, level) is None:
        return None
    critical = float(stdtrit(n - 1, (1 + level) / 2)) ** 2 / n
    (s_aa, s_ab), (_, s_bb) = np.cov(above, below)
    a, b = float(np.mean(above)), float(np.mean(below))
    square, cross, constant = b * b - critical * s_bb, a * b - critical * s_ab, a * a - critical * s_aa
    if square <= 0:
        return None
    half = math.sqrt(max(cross * cross - square * constant, 0.0))
    return Interval(float(cross - half) / float(square), float(cross + half) / float(square), level)


def retention(student: Mapping[int, float], teacher: float | Mapping[int, float]) -> Estimate | None:
    """Student / teacher accuracy by student seed, with a Student-t interval; None without a shared seed.

    Seeds whose teacher gets nothing right are left out.
    """
    teachers = teacher if isinstance(teacher, Mapping) else dict.fromkeys(student, teacher)
    kept = [student[seed] / teachers[seed] for seed in sorted(student.keys() & teachers.keys()) if teachers[seed] > 0]
    return estimate(kept) if kept else None


def _why_not(gap: Estimate) -> str | None:
    if len(gap.values) < 2:
        return "one seed has no interval"
    if gap.interval is None:
        return "the gap is the same for all seeds, so that it has no interval"
    if gap.interval.high < 0:
        return "the teacher is worse than the student alone"
    if gap.interval.low <= 0:
        return "the interval of the gap between the teacher and the student alone includes 0"
    return None
