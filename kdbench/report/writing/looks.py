"""How losses differ in every plot: by colour, marker and dash at once, so that colour alone is never needed.

Of many losses, the best, plain distillation, the student alone and what may be shipped are in colour. The others are
grey until a reader chooses them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from kdbench.analyze import PairSummary, StudentRow, Summary
from kdbench.analyze.decisions.choice import picks
from kdbench.analyze.models.against_kd import kd_label
from kdbench.report.writing.drawing import DASHES, INK, MARKERS, QUIET, SERIES

MANY = 8  # rows with a teacher, as many as there are colours: of more, some are in the background
BEST = 5


@dataclass(frozen=True)
class Look:
    """One way to draw: `dash` as matplotlib takes it, on and off lengths in points.

    `series` is the name that all marks of one loss have in common. A quiet one is in the background.
    """

    color: str
    marker: str
    dash: tuple[float, ...] = ()
    size: float = 6.5
    hollow: bool = False
    series: str = ""
    quiet: bool = False


TEACHER = Look(INK, "*", (1, 2), size=11, series="teacher")


def looks(summary: Summary, pair: PairSummary | None = None) -> dict[str, Look]:
    """A look per row; the plain student alone is in ink, hollow at other budgets than 1.

    Looks are given in the order of the suite, first to rows that are in front in some pair. In the plots of a pair its
    other rows are quiet.
    """
    # A loss without a result keeps its look, so that the others have the same one in every report of the suite.
    names = [
        name
        for loss in summary.suite.losses
        for name in dict.fromkeys(row.row for row in summary.students if row.loss == loss.label) or [loss.label]
    ]
    front = {name for each in summary.pairs for name in in_front(summary, each)}
    if len(names) > MANY:
        names.sort(key=lambda name: name not in front)
    found = looks_of(names, {row.row: row.budget for row in summary.students if row.alone and not row.teaching})
    if pair is None:
        return found
    mine = in_front(summary, pair)
    return {name: look if name in mine or look.color == INK else _behind(look) for name, look in found.items()}


def looks_of(names: Iterable[str], alone: Mapping[str, float]) -> dict[str, Look]:
    """A look per name, in their order; `alone` has the budgets of the student alone by name."""
    found: dict[str, Look] = {}
    for name in names:
        if name in alone:
            size = min(5 + alone[name], 11)
            found[name] = Look(INK, "s", (2, 2), size=size, hollow=alone[name] != 1, series=name)
            continue
        i = len(found.keys() - alone.keys())
        marker = MARKERS[i % len(MARKERS)]
        size = 8.0 if marker in "PX" else 6.5  # crosses have less ink
        found[name] = Look(SERIES[i % len(SERIES)], marker, DASHES[i % len(DASHES)], size, series=name)
    return found


def in_front(summary: Summary, pair: PairSummary) -> frozenset[str]:
    """The rows of a pair that are in colour: the best by gain, kd, the student alone, and what may be shipped."""
    alone = {row.row for row in pair.students if row.alone and not row.teaching}
    taught = [row for row in pair.distinct if row.row not in alone]
    if len(taught) > MANY:
        plain = [row for row in taught if row.loss == kd_label(summary.suite)][:1]
        shipped = [pick.row for pick in picks(pair) if pick.row in taught]
        taught = [*sorted(taught, key=_by_gain)[:BEST], *plain, *shipped]
    return frozenset(alone | {row.row for row in taught})


def _by_gain(row: StudentRow) -> tuple[float, float]:
    """The highest gain first, and rows without one by their accuracy after them."""
    return (-row.gain.estimate.mean if row.gain else 1.0, -row.top1.mean)


def _behind(look: Look) -> Look:
    return replace(look, color=QUIET[SERIES.index(look.color)], quiet=True)
