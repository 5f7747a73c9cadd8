"""The tables of a report as data, so that HTML and Markdown show the same cells."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from kdbench.analyze import Recommendation, StudentRow, Summary
from kdbench.analyze.decisions.wording import EQUAL, quoted
from kdbench.analyze.models.rows import Equal
from kdbench.report.writing import formats as f
from kdbench.statistics.intervals import Estimate, Interval
from kdbench.statistics.paired import EQUIVALENCE, SEEDS_FOR_A_CLAIM, PairedDifference
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


def comparison_table(summary: Summary, recommendation: Recommendation) -> Table:
    """Every loss of every pair: the main table of a report."""
    timing = summary.reference
    where = timing.how.label if timing else "not timed"
    gains = gain_columns(summary)
    columns = (
        Column(
            "Loss",
            "",
            "of the student; after a comma its way of teaching unless it is single, its epochs over the recipe's "
            "unless it is 1, and whether its settings were tuned",
            numeric=False,
        ),
        Column("Verdict", "of the first gain", VERDICT_HELP, numeric=False),
        *gains.values(),
        Column("Top-1", "% of test", "mean over seeds, with its 95 % interval for other seeds and other test samples"),
        Column("Worst seed", "%, SD in points", "the lowest test top-1 of any seed; below, the SD over seeds"),
        Column(
            "Training cost",
            "of the student alone",
            "trained alone with a live teacher; below, its rank by that",
            least=True,
        ),
        Column(
            "Latency p50",
            where,
            "observed, of one call; below, the teacher's over the student's, by interleaved slices",
            least=True,
        ),
        Column("Validation", "%", "mean top-1 on validation, by which the candidate is chosen"),
        Column("Least detectable", "points", "the smallest gain these seeds can show, at 80 % power", least=True),
        Column("Retention", "%", "student's accuracy as a share of its teacher's"),
        Column("Smaller", "parameters, bytes", "teacher's size over the student's: by parameters; by ONNX bytes below"),
        Column("FLOPs", "per sample", "2 for a multiply-accumulate", least=True),
        Column("Correct per GFLOP", "test samples", "correct predictions per compute; below, those beyond chance"),
    )
    shipped = recommendation.student if recommendation.kind == "ship" else None
    rows = [
        _comparison_row(row, _whose(summary, row), tuple(gains), shipped=row is shipped) for row in summary.students
    ]
    return Table("losses", "Ranking of losses", columns, in_order(columns, rows), _comparison_notes(summary))


def gain_columns(summary: Summary) -> dict[Equal, Column]:
    """A column for each way of comparing that some row has, the one that verdicts are of first."""
    found = {equal for row in summary.students for equal in row.gains}
    wanted: tuple[Equal, ...] = ("cost", "epochs")
    help = "test top-1 over the student alone, with its 95 % interval"
    shown = [equal for equal in wanted if equal in found]
    return {equal: Column("Gain", f"points, at {EQUAL[equal]}", help, ranked=equal == shown[0]) for equal in shown}


def _comparison_row(row: StudentRow, whose: str, gains: tuple[Equal, ...], *, shipped: bool) -> tuple[Cell, ...]:
    least = row.gain.least_detectable if row.gain else None
    speedup = f.ratio_interval(row.speedup) if row.speedup else ""
    return (
        Cell(row.row, whose, tag="ship" if shipped else "", of=row.name),
        headline_cell(row),
        *(_ranked_cell(row, equal) for equal in gains),
        Cell(f.percent(row.top1.mean), f.percent_interval(row.top1.interval), row.top1.mean),
        Cell(f.percent(row.stability.worst), f"SD {f.spread(row.top1.sd)}", row.stability.worst),
        Cell(f.times(row.relative_cost), f"rank {row.cost_rank}", row.relative_cost),
        Cell(f.microseconds(row.p50_microseconds), speedup, row.p50_microseconds),
        Cell(f.percent(row.validation.mean), sort=row.validation.mean),
        Cell(f.spread(least), sort=least),
        retention_cell(row),
        Cell(f.times(row.compression_parameters), f.times(row.compression_bytes), row.compression_parameters),
        Cell(f.count(row.flops), sort=float(row.flops)),
        Cell(
            f.count(row.efficiency.per_gflop), f.count(row.efficiency.per_gflop_above_chance), row.efficiency.per_gflop
        ),
    )


def _ranked_cell(row: StudentRow, equal: Equal) -> Cell:
    """A gain; the student alone, from which gains are measured, stands at 0 among them."""
    if row.alone and (equal == "cost" or row.budget == 1):
        return Cell(f.NONE, sort=0.0)
    return gain_cell(row.gains[equal].difference if equal in row.gains else None)


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


def _whose(summary: Summary, row: StudentRow) -> str:
    """The student (the pair, where pairs share it), whether it was trained alone, and how many seeds it lacks."""
    shared = len({other.pair for other in summary.students if other.model == row.model}) > 1
    name = row.pair if shared else row.model
    planned = len(summary.suite.seeds)
    lacking = f", {len(row.seeds)} of {f.several(planned, 'seed')}" if len(row.seeds) < planned else ""
    return name + (", alone" if row.alone else "") + lacking


def _p_value(p: float | None) -> str:
    return "" if p is None else f"Holm p {f.p_value(p)}"


def _comparison_notes(summary: Summary) -> tuple[str, ...]:
    notes = [
        "Gains are paired by seed and test sample against the same student trained on labels alone"
        f"{_controls(summary)}; {f.NONE}: not defined for these seeds (one seed has no spread).",
        "Verdicts hold together: a family, which is the rows of a pair, has a false one in at most 5 %. With under "
        f"{SEEDS_FOR_A_CLAIM} seeds there is no claim. Unstable: seeds collapsed; mean and gain are of the "
        "others, or of all where all did. "
        "The Holm p-value is that of no difference.",
        f"Losses of one pair share one architecture, hence one latency and one FLOP count{_others_deploy(summary)}.",
    ]
    if summary.reference and any(row.speedup for row in summary.students):
        notes.append("The speed-up is a ratio of interleaved slices, with its 95 % interval over sessions.")
    if not summary.reference:
        notes.append(
            "Not every model was timed, so FLOPs are used in place of latency; reasons are listed under Teachers and "
            "deployed models."
        )
    return tuple(notes)


def _controls(summary: Summary) -> str:
    """Which student alone it is, where ways of teaching have one of their own."""
    own = any(row.alone and row.teaching for row in summary.students)
    return ", under the row's own way of teaching where that one trains it, too" if own else ""


def _others_deploy(summary: Summary) -> str:
    """The losses that deploy another network than most of the pair's losses."""
    odd: dict[str, None] = {}
    for pair in summary.pairs:
        usual = Counter(row.architecture for row in pair.students).most_common(1)
        odd |= {row.row: None for row in pair.students if row.architecture != usual[0][0]}
    return f", except for losses that deploy another network: {quoted(odd)}" if odd else ""


def trouble_table(summary: Summary) -> Table | None:
    """Rows without a result; None where all have one."""
    if not summary.trouble:
        return None
    heads = ("What happened", "Pair", "Model and loss", "Seed", "Reason")
    rows = tuple(
        (
            Cell(trouble.status, tag=trouble.status),
            Cell(trouble.pair),
            Cell(f"{trouble.model}: {'teacher' if trouble.role == 'teacher' else trouble.row}"),
            Cell(str(trouble.seed), sort=trouble.seed),
            Cell(trouble.reason),
        )
        for trouble in summary.trouble
    )
    columns = tuple(Column(head, numeric=head == "Seed") for head in heads)
    return Table("trouble", f"{len(rows)} of {summary.entries} rows have no result", columns, rows)
