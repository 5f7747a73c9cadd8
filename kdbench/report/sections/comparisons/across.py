"""All pairs together: interquartile means, win rates, ranks, the optimality gap and performance profiles."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.ticker import PercentFormatter

from kdbench.analyze import Summary
from kdbench.analyze.comparisons.across import AcrossRow
from kdbench.analyze.decisions.wording import EQUAL
from kdbench.report.writing import formats as f
from kdbench.report.writing.drawing import GRID, MUTED, Drawing, Image, draw
from kdbench.report.writing.looks import Look, looks
from kdbench.report.writing.section import Section
from kdbench.report.writing.series import LEGEND_LINE, legend, middle, room_for
from kdbench.report.writing.svg import Mark
from kdbench.report.writing.tables import Cell, Column, Table
from kdbench.statistics.resampling import PooledEstimate

WIDTH, LEFT, RIGHT, BOTTOM, TOP = 640.0, 54.0, 200.0, 44.0, 12.0
MOST_LINES = 8  # as many as there are colours
LONG = 24  # rows: a longer table opens at a click
HELP = (
    "For each share of the teacher's accuracy, how many of a loss's runs keep more than that share. The further "
    "right a line falls, the better; a steep line means that all pairs and seeds agree. Where a line crosses one "
    "half is the median run. Runs far below all others lie left of the plot."
)
TERMS = (
    (
        "All pairs together",
        "The figures of rliable (Agarwal et al. 2021), with pairs as tasks and seeds as runs. A run's score is its "
        "retention: the student's test top-1 over its teacher's, without subtracting chance; 100 % is the teacher's "
        "level. Intervals are over seeds, and hold for these pairs and their teachers, not for others. Ranks are among "
        "rows that were trained for as many epochs, tuned or not tuned alike, and that every pair has.",
    ),
    (
        "Interquartile mean",
        "The mean of the middle half of all values, so that no single pair or seed dominates.",
    ),
)


def across_section(summary: Summary) -> Section:
    """Empty for suites with one pair."""
    return section_of("All pairs together", summary.across, looks(summary))


def section_of(title: str, across: Sequence[AcrossRow], style: Mapping[str, Look]) -> Section:
    """Of rows with their looks; empty without rows."""
    return Section(
        "across",
        title,
        "Rows that several pairs have, by how much of their teacher's accuracy they keep.",
        (plot_profile(across, style),) if across else (),
        (across_table(across),),
        TERMS,
    )


def across_table(across: Sequence[AcrossRow]) -> Table:
    """One line per row that several pairs have."""
    columns = (
        Column("Loss", numeric=False),
        Column("IQM of gains", "points", "interquartile mean over pairs and seeds, with its 95 % interval"),
        Column("Win rate", "of pairs", "pairs with the verdict 'better'; below, pairs with a mean gain above 0"),
        Column(
            "Mean rank",
            "over pairs",
            "by mean retention in each pair; 1 is the highest; with its 95 % interval",
            least=True,
        ),
        Column("IQM of retention", "%", "interquartile mean over pairs and seeds, with its 95 % interval"),
        Column(
            "Optimality gap",
            "points of retention",
            "mean of what runs lack to 100 %; none for those above it",
            least=True,
        ),
        Column("Pairs"),
        Column("Runs", "seeds of all pairs"),
    )
    rows = tuple(_row(each) for each in across)
    notes = tuple(f"Gains are at {EQUAL[row.equal]}." for row in across[:1])
    return Table("across", "All pairs together, in figures", columns, rows, notes, folded=len(rows) > LONG)


def _row(row: AcrossRow) -> tuple[Cell, ...]:
    wins = Cell(f.NONE)
    if row.compared:
        share = row.better / row.compared
        wins = Cell(f"{row.better} of {row.compared}", f"{row.ahead} above 0", share)
    rank = Cell(f.NONE)
    if row.rank:
        between = f"{row.rank.interval.low:.1f} to {row.rank.interval.high:.1f}" if row.rank.interval else ""
        rank = Cell(f"{row.rank.mean:.2f}", between, row.rank.mean)
    gain = Cell(f.NONE)
    if row.gain:
        gain = Cell(f.points(row.gain.mean), f.points_interval(row.gain.interval), row.gain.mean)
    return (
        Cell(row.row),
        gain,
        wins,
        rank,
        _percent_cell(row.retention),
        Cell(f.spread(row.shortfall.mean), _points(row.shortfall), row.shortfall.mean),
        Cell(str(row.pairs), sort=row.pairs),
        Cell(str(row.runs), sort=row.runs),
    )


def _percent_cell(found: PooledEstimate) -> Cell:
    return Cell(f.percent(found.mean), f.retention_interval(found.interval), found.mean)


def _points(found: PooledEstimate) -> str:
    """'0.80 to 1.20'."""
    return f"{f.spread(max(found.interval.low, 0.0))} to {f.spread(found.interval.high)}" if found.interval else ""


def plot_profile(across: Sequence[AcrossRow], style: Mapping[str, Look]) -> Image:
    """The share of runs above each retention, a line per row; of many rows those with the highest retention."""
    best = sorted(across, key=lambda row: -row.retention.mean)[:MOST_LINES]
    shown = [row for row in across if row in best]
    which = f", the {MOST_LINES} rows with the highest" if len(shown) < len(across) else ""
    title = f"Performance profiles: the share of runs that keep more than a share of their teacher's accuracy{which}"
    height, room = max(280.0, TOP + LEGEND_LINE * (len(shown) + 1)), room_for(row.row for row in shown)
    return draw("across", title, WIDTH + room, height, lambda drawing: _paint(drawing, shown, style), HELP)


def _paint(drawing: Drawing, shown: Sequence[AcrossRow], style: Mapping[str, Look]) -> None:
    axes = drawing.axes(LEFT, RIGHT + drawing.width - WIDTH, BOTTOM, TOP)
    scores = sorted(set(middle([score for row in shown for pair in row.scores for score in pair])))
    room = 0.05 * (scores[-1] - scores[0]) or 0.01
    at = np.array([scores[0] - room, *scores, scores[-1] + room])
    for row in shown:
        look = style[row.row]
        shares = [row.share_above(score) for score in at]
        (line,) = axes.step(100 * at, shares, look.marker, where="post", color=look.color, linewidth=1.7)
        line.set(linestyle=(0, look.dash) if look.dash else "-", markersize=0.65 * look.size)
        line.set_markevery(max(1, len(at) // 8))
        tip = f"{row.row}: interquartile mean {f.percent(row.retention.mean)} of its teacher's accuracy"
        drawing.tag(line, Mark(tip, look.series))
    axes.axhline(0.5, color=MUTED, linewidth=0.8, zorder=0)
    axes.set(xlim=(100 * at[0], 100 * at[-1]), ylim=(0, 1.02))
    axes.set(xlabel="Share of the teacher's test top-1 (%)", ylabel="Runs that keep more")
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    legend(drawing, WIDTH - RIGHT + 14, TOP, [(row.row, style[row.row]) for row in shown])
