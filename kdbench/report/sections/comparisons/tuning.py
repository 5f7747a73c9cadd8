"""Tuning: every row as published and tuned, what that gained and cost, and how the order of the losses changed."""

from dataclasses import replace

from matplotlib.axes import Axes

from kdbench.analyze import StudentRow, Summary
from kdbench.analyze.comparisons.tuning import TunedPair, TunedRow
from kdbench.report.writing import formats as f
from kdbench.report.writing.drawing import GRID, Drawing, Image, draw
from kdbench.report.writing.looks import Look, looks
from kdbench.report.writing.section import Section
from kdbench.report.writing.series import bar, interval_ends, interval_of, limit, mark, on_scale, room_for, shorten
from kdbench.report.writing.tables import Cell, Column, Table, estimate_cell, gain_cell, row_cell
from kdbench.spec.errors import as_toml

WIDTH, LEFT, RIGHT, BOTTOM, TOP, LINE = 640.0, 170.0, 130.0, 46.0, 22.0, 30.0
LONG = 24  # rows: a longer table opens at a click
APART = 0.16  # of a line, from its middle: published above, tuned below
HELP = (
    "Each line is a loss: hollow with its settings as published, filled with the settings that tuning chose, with 95 "
    "% intervals. The further the filled mark is right of the hollow one, the more the loss gained by tuning. A loss "
    "that is best only when tuned needs that search on your data, too. An arrow at the edge is a mean outside the "
    "plot."
)


TERMS = (
    (
        "Tuning",
        "Gains are at equal cost where the student alone was trained at several budgets. The best of several tries on "
        "validation looks better there than it is, so that tuning gains less on test. Ranks are of means: rows whose "
        "intervals overlap may change places by chance.",
    ),
    (
        "Kendall's τ",
        "Of two orders: 1 where they are the same, 0 where they have nothing in common, and −1 where one is the "
        "reverse.",
    ),
)


def tuning_section(summary: Summary) -> Section:
    """Empty where nothing was tuned."""
    return Section(
        "tuning",
        "As published and tuned",
        _intro(summary),
        tuple(_plot(summary, pair, place) for place, pair in enumerate(summary.tuned)),
        (tuning_table(summary), settings_table(summary)),
        TERMS,
    )


def _intro(summary: Summary) -> str:
    tuning = summary.suite.tuning
    if tuning is None:
        return ""
    epochs = summary.suite.train.epochs if tuning.epochs is None else tuning.epochs
    how = "evenly over the ranges" if tuning.search == "quasi-random" else "by optuna's TPE"
    return (
        f"Each row, the student alone included, got {tuning.trials} tries of {f.several(epochs, 'epoch')} at "
        f"{f.several(len(tuning.seeds), 'seed')} of their own: the settings as published, and others {how} of the "
        "learning rate and of the options that its loss declares. The best on validation was then trained at the "
        "suite's seeds. " + " ".join(_order(summary, pair) for pair in summary.tuned)
    )


def _order(summary: Summary, pair: TunedPair) -> str:
    """The first row before and after, and how far the two orders agree."""
    before = min(pair.rows, key=lambda row: row.rank_published).published.row
    after = min(pair.rows, key=lambda row: row.rank_tuned).published.row
    first = (
        f"'{after}' is first, as published and tuned"
        if before == after
        else (f"'{before}' is first as published, and '{after}' tuned")
    )
    tau = "" if pair.tau is None else f"; Kendall's τ between the two orders is {f.thousandths(pair.tau)}"
    return f"{f'{pair.pair}: ' if len(summary.pairs) > 1 else ''}{first}{tau}."


def tuning_table(summary: Summary) -> Table:
    """One row per loss and pair, at the epochs of the recipe."""
    columns = (
        Column("Loss", numeric=False),
        Column("As published", "% of test", "top-1, mean over seeds, with its 95 % interval"),
        Column("Its gain", "points", "over the student alone as published, with its 95 % interval"),
        Column("Tuned", "% of test", "the same under the chosen settings"),
        Column("Its gain, tuned", "points", "over the student alone, tuned likewise, with its 95 % interval"),
        Column("Tuning gained", "points", "tuned minus as published, paired by seed, with its 95 % interval"),
        Column("On validation", "points", "what the best try had over the one as published, at the tuning's seeds"),
        Column("Rank", "as published, tuned", "by mean test top-1 among these rows; 1 is the highest", numeric=False),
        Column(
            "Cost of tuning",
            "training",
            "of all tries, each alone; below, over that of the row as published",
            least=True,
        ),
        Column("Tries", "settings", "below, seeds of each"),
    )
    rows = tuple(_row(summary, row) for pair in summary.tuned for row in pair.rows)
    return Table("tuning", "What tuning gained and cost", columns, rows, _failures(summary), folded=len(rows) > LONG)


def _failures(summary: Summary) -> tuple[str, ...]:
    failed = sum(row.tries.failed for pair in summary.tuned for row in pair.rows)
    return (f"A trial of {f.several(failed, 'setting')} failed, so that they could not be chosen.",) if failed else ()


def _row(summary: Summary, row: TunedRow) -> tuple[Cell, ...]:
    before, after, tries = row.published, row.tuned, row.tries
    alone = before.training.alone_seconds * len(before.seeds)
    return (
        row_cell(summary, before),
        estimate_cell(before.top1, f.percent, f.percent_interval),
        gain_cell(before.gain),
        estimate_cell(after.top1, f.percent, f.percent_interval),
        gain_cell(after.gain),
        gain_cell(row.gained),
        Cell(f.points(tries.promised), sort=tries.promised),
        Cell(f"{row.rank_published:g} → {row.rank_tuned:g}", sort=row.rank_tuned),
        Cell(f.seconds(tries.seconds), f.times(tries.seconds / alone) if alone else "", tries.seconds),
        Cell(str(tries.count), f.several(tries.seeds, "seed"), tries.count),
    )


def settings_table(summary: Summary) -> Table:
    """The chosen settings, so that they can be written into a suite."""
    columns = (Column("Loss", numeric=False), Column("Chosen settings", numeric=False))
    rows = tuple(
        (row_cell(summary, row.published), Cell(_settings(row.tuned))) for pair in summary.tuned for row in pair.rows
    )
    return Table("chosen", "Chosen settings", columns, rows, folded=True)


def _settings(row: StudentRow) -> str:
    return ", ".join(f"{key} = {as_toml(value)}" for key, value in row.settings.items()) or "as published"


def _plot(summary: Summary, pair: TunedPair, place: int) -> Image:
    title = f"{pair.pair}: test top-1 as published (hollow) and tuned (filled), with 95 % intervals"
    height, room = TOP + BOTTOM + LINE * len(pair.rows), room_for(row.published.row for row in pair.rows)
    return draw(f"tuning-{place}", title, WIDTH + room, height, lambda drawing: _paint(drawing, summary, pair), HELP)


def _paint(drawing: Drawing, summary: Summary, pair: TunedPair) -> None:
    axes = drawing.axes(LEFT + drawing.width - WIDTH, RIGHT, BOTTOM, TOP)
    axes.set_ylim(len(pair.rows) - 0.5, -0.5)
    shown = on_scale([each.top1 for row in pair.rows for each in (row.published, row.tuned)])
    limit(axes, "x", [100 * each.mean for each in shown], interval_ends(shown))
    style = looks(summary)
    for y, row in enumerate(pair.rows):
        look = style[row.published.row]
        hollow = replace(look, hollow=True)
        _mark(drawing, axes, y - APART, row.published, hollow, "as published")
        _mark(drawing, axes, y + APART, row.tuned, look, "tuned")
        gained = row.gained.estimate.mean if row.gained else None
        axes.annotate(
            f.points(gained), (1, y), (12, 0), xycoords=("axes fraction", "data"), textcoords="offset points",
            va="center_baseline", fontsize=9.5, fontweight="bold",
        )  # fmt: skip
    axes.annotate("tuning gained", (1, 1), (12, 6), xycoords="axes fraction", textcoords="offset points", fontsize=9)
    axes.set_yticks(range(len(pair.rows)), [shorten(row.published.row) for row in pair.rows])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=GRID, linewidth=0.8)
    axes.set_xlabel("Test top-1 (%)")


def _mark(drawing: Drawing, axes: Axes, y: float, row: StudentRow, look: Look, kind: str) -> None:
    """A mean with its interval."""
    if ends := interval_of(row.top1):
        bar(drawing, axes, ends, [y, y], look)
    mark(drawing, axes, 100 * row.top1.mean, y, look, f"{row.loss}, {kind}: {f.percent(row.top1.mean)}")
