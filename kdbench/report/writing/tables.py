"""The tables of a report as data, so that HTML and Markdown show the same cells."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from kdbench.analyze import StudentRow, Summary
from kdbench.report.writing import formats as f
from kdbench.statistics.intervals import Estimate, Interval
from kdbench.statistics.paired import EQUIVALENCE, PairedDifference
from kdbench.statistics.verdicts import Word

Name = tuple[str, str, str]


@dataclass(frozen=True)
class Column:
    """A heading with its unit, its meaning in one line, and whether the column holds numbers, the least being best.

    The rows of a table stand in the order of the column that is `ranked`, the best first.
    """

    head: str
    unit: str = ""
    help: str = ""
    numeric: bool = True
    least: bool = False
    ranked: bool = False


@dataclass(frozen=True)
class Cell:
    """A text, a second line in small print, a value to sort by (the text where None), and a tag such as a verdict.

    A first cell names a row of the suite (pair, role, row), by which pages filter, and may name one trial of it by key.
    """

    text: str
    sub: str = ""
    sort: float | None = None
    tag: str = ""
    of: Name | None = None
    trial: str = ""


@dataclass(frozen=True)
class Table:
    """A captioned table; `notes` explain it below. A folded one opens at a click."""

    name: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()
    folded: bool = False

    @property
    def same(self) -> str:
        """What all rows have in common: 'Latency p50 5.8 µs; FLOPs 12,345 per sample'."""
        if len(self.rows) < 2:
            return ""
        found = (_said(column, self.rows[0][at]) for at, column in enumerate(self.columns) if not self._varies(at))
        return "; ".join(filter(None, found))

    @property
    def varying(self) -> "Table":
        """The table without the columns that `same` tells."""
        kept = [at for at in range(len(self.columns)) if len(self.rows) < 2 or self._varies(at)]
        columns = tuple(self.columns[at] for at in kept)
        return replace(self, columns=columns, rows=tuple(tuple(row[at] for at in kept) for row in self.rows))

    def _varies(self, at: int) -> bool:
        """Whether rows differ in this column; the first one names them and always counts."""
        return at == 0 or len({(row[at].text, row[at].sub) for row in self.rows}) > 1


def _said(column: Column, cell: Cell) -> str:
    """The figure of a column that is the same in all rows; nothing for a gap."""
    if cell.text in ("", f.NONE):
        return ""
    details = ", ".join(filter(None, (cell.sub, column.unit)))
    return f"{column.head} {cell.text}" + (f" ({details})" if details else "")


def in_order(columns: Sequence[Column], rows: Sequence[tuple[Cell, ...]]) -> tuple[tuple[Cell, ...], ...]:
    """Rows by the column that is ranked, the greatest figure first and gaps last."""
    ranked = [at for at, column in enumerate(columns) if column.ranked]
    figures = [[row[at].sort for at in ranked] for row in rows]
    order = sorted(range(len(rows)), key=lambda row: [(value is None, -(value or 0.0)) for value in figures[row]])
    return tuple(rows[row] for row in order)


class Named(Protocol):
    """Figures of one row of the suite."""

    @property
    def pair(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def row(self) -> str: ...


VERDICT_HELP = (
    f"better: above {100 * EQUIVALENCE:g} points; worse: below minus {100 * EQUIVALENCE:g}; equivalent: between them; "
    "above 0, below 0: shown to be so, but not by so much; all rows of the pair are judged together, and the candidate "
    "at seeds of its own where there are any"
)
VERDICT_SIGNS: dict[Word, str] = {
    "better": "▲ better",
    "above 0": "△ above 0",
    "equivalent": "= equivalent",
    "undecided": "? undecided",
    "unstable": "! unstable",
    "below 0": "▽ below 0",
    "worse": "▼ worse",
}


def gain_cell(gain: PairedDifference | None) -> Cell:
    """The mean gain and its interval."""
    if gain is None:
        return Cell(f.NONE)
    return Cell(f.points(gain.estimate.mean), f.points_interval(gain.estimate.interval), gain.estimate.mean)


def retention_cell(row: StudentRow, interval: Interval | None = None) -> Cell:
    """The share of its teacher's accuracy, unless that is below the student's own."""
    if row.weak_teacher:
        return Cell("weak teacher", f.percent(row.retention), row.retention)
    return Cell(f.percent(row.retention), f.percent_interval(interval), row.retention)


def estimate_cell(
    found: Estimate | None, show: Callable[[float], str], interval: Callable[[Interval | None], str]
) -> Cell:
    """A mean over seeds and its interval below."""
    return Cell(f.NONE) if found is None else Cell(show(found.mean), interval(found.interval), found.mean)


def model_cell(summary: Summary, row: Named) -> Cell:
    """'cnn(width=8): kd', and its pair below where pairs share the model."""
    shared = any(other.model == row.model and other.pair != row.pair for other in summary.models)
    name = f"{row.model}: {'teacher' if row.role == 'teacher' else row.row}"
    return Cell(name, row.pair if shared else "", of=(row.pair, row.role, row.row))


def row_cell(summary: Summary, row: Named) -> Cell:
    """A student by its row, and its pair below where there are several."""
    return Cell(row.row, row.pair if len(summary.pairs) > 1 else "", of=(row.pair, row.role, row.row))


def headline_cell(row: StudentRow) -> Cell:
    """The verdict on a row's headline gain; below, Holm's p, what seeds it is of, or better at equal epochs only."""
    gain = row.headline
    if gain is None or row.verdict is None:
        return Cell(f.NONE, sort=9.0)
    cell = verdict_cell(row.verdict, gain.difference, gain.holm_p)
    if row.confirmed:
        return replace(cell, sub="at seeds of its own")
    return replace(cell, sub="better at equal epochs only") if row.better_at_equal_epochs_only else cell


def verdict_cell(word: Word, difference: PairedDifference, holm_p: float | None) -> Cell:
    """The word on a difference in its family; none where there are too few seeds."""
    order = float(list(VERDICT_SIGNS).index(word))
    if not difference.claims and word != "unstable":
        return Cell("no claim", f.several(len(difference.seeds), "seed"), order, "undecided")
    return Cell(VERDICT_SIGNS[word], _p_value(holm_p), order, word)


def _p_value(p: float | None) -> str:
    return "" if p is None else f"Holm p {f.p_value(p)}"
