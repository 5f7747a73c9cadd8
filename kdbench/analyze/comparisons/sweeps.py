"""Sweeps: one loss under several values of its settings, by validation accuracy."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from pydantic import JsonValue

from kdbench.analyze.models.pairs import PairSummary
from kdbench.analyze.models.rows import StudentRow
from kdbench.spec.planning.entry import row_name
from kdbench.statistics.intervals import p_below
from kdbench.statistics.paired import EQUIVALENCE, PairedDifference, paired_difference

ALPHA = 0.05


@dataclass(frozen=True)
class Setting:
    """One row of a sweep."""

    row: StudentRow
    against_best: PairedDifference | None  # validation top-1, 0 to 1, minus the best's, by seed
    may_be_best: bool  # with 95 % confidence the setting that is best on validation is among those that may be


@dataclass(frozen=True)
class Sweep:
    """The settings of one loss in one pair, as the suite lists them."""

    pair: str
    name: str  # of the loss without what was swept
    settings: tuple[Setting, ...]
    best: StudentRow  # the highest mean on validation among those with most seeds

    @property
    def keys(self) -> tuple[str, ...]:
        """What was swept: options, `lr`, keys of `train`."""
        return tuple(self.best.settings)

    def along(self, key: str) -> tuple[Setting, ...]:
        """The settings that differ from the best in this key alone, and the best itself, by rising value."""
        others = {name: value for name, value in self.best.settings.items() if name != key}
        found = [each for each in self.settings if others.items() <= each.row.settings.items()]
        values = [each.row.settings[key] for each in found]
        return (
            tuple(sorted(found, key=lambda each: number(each.row.settings[key]))) if numeric(values) else tuple(found)
        )

    @property
    def equivalent(self) -> tuple[Setting, ...]:
        """Those whose mean on validation is at most half a point below the best."""
        return tuple(each for each in self.settings if self.loss(each) <= EQUIVALENCE)

    @property
    def worst(self) -> Setting:
        return max(self.settings, key=self.loss)

    def loss(self, setting: Setting) -> float:
        """How much lower its mean on validation is than the best's."""
        return self.best.validation.mean - setting.row.validation.mean

    @property
    def at_an_end(self) -> tuple[str, ...]:
        """The keys whose best value is the lowest or the highest that was tried."""
        found = []
        for key in self.keys:
            values = [each.row.settings[key] for each in self.along(key)]
            if numeric(values) and len(values) > 1 and self.best.settings[key] in (values[0], values[-1]):
                found.append(key)
        return tuple(found)


def find_sweeps(pairs: Iterable[PairSummary]) -> tuple[Sweep, ...]:
    """One for each swept loss of each pair, and each way in which it was taught."""
    groups: dict[tuple[str, str], list[StudentRow]] = {}
    for pair in pairs:
        for row in pair.students:
            if row.sweep:
                name = row_name(row.sweep, row.teaching, row.budget, row.tuned)
                groups.setdefault((pair.pair, name), []).append(row)
    return tuple(_sweep(pair, name, rows) for (pair, name), rows in groups.items())


def _sweep(pair: str, name: str, rows: Sequence[StudentRow]) -> Sweep:
    most = max(len(row.seeds) for row in rows)
    best = max((row for row in rows if len(row.seeds) == most), key=lambda row: row.validation.mean)
    return Sweep(pair, name, tuple(_setting(row, best, len(rows)) for row in rows), best)


def _setting(row: StudentRow, best: StudentRow, settings: int) -> Setting:
    """A setting is out where it is shown, one-sided and paired by seed, to be worse than the best one.

    The best was chosen among all others, so the p-value counts once for each of them (Bonferroni). If the truly best
    setting is out, one of the others was falsely shown to be better than it: that happens in at most 5 %.
    """
    if row is best:
        return Setting(row, None, True)
    difference = paired_difference(row.validation_by_seed, best.validation_by_seed)
    p = p_below(difference.estimate.values, 0.0) if difference else None
    return Setting(row, difference, p is None or p * (settings - 1) >= ALPHA)


def numeric(values: Iterable[JsonValue]) -> bool:
    """Whether all are numbers."""
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def number(value: JsonValue) -> float:
    """A value that is a number."""
    return float(str(value))


def logarithmic(values: Sequence[float]) -> bool:
    """Whether values are spaced more evenly on a logarithmic scale than on a linear one."""
    rising = sorted(set(values))
    if len(rising) < 3 or rising[0] <= 0:
        return False
    ratios = [later / earlier for earlier, later in pairwise(rising)]
    steps = [later - earlier for earlier, later in pairwise(rising)]
    return max(ratios) / min(ratios) < max(steps) / min(steps)
