"""Gains over the student alone: a forest plot, and all figures of the paired comparisons."""

from collections.abc import Sequence
from dataclasses import replace

from kdbench.analyze import StudentRow, Summary
from kdbench.analyze.decisions.wording import EQUAL, quoted
from kdbench.analyze.models.rows import Equal, Gain
from kdbench.report.writing import formats as f
from kdbench.report.writing.drawing import BAND, GRID, INK, MUTED, Drawing, Image, draw
from kdbench.report.writing.looks import Look, looks
from kdbench.report.writing.section import Section
from kdbench.report.writing.series import bar, dots, limit, mark, middle, on_scale, room_for, shorten
from kdbench.report.writing.tables import (
    VERDICT_HELP,
    VERDICT_SIGNS,
    Cell,
    Column,
    Table,
    gain_cell,
    headline_cell,
    row_cell,
)
from kdbench.statistics.paired import EQUIVALENCE, SEEDS_FOR_A_CLAIM, PairedDifference
from kdbench.statistics.resampling import SEEDS_FOR_SIGN_FLIPS
from kdbench.statistics.verdicts import Word

WIDTH, LEFT, RIGHT, BOTTOM, TOP = 720.0, 150.0, 196.0, 46.0, 20.0
LINE = 25.0
HELP = (
    "Each line is a loss, the best first. The large mark is its mean gain over the student alone, the line its 95 % "
    "interval, and each small dot the gain of one seed. Right of 0 the loss helped. An interval that crosses 0 may "
    f"be no gain at all; inside the shaded band of ±{100 * EQUIVALENCE:g} points a gain is too small to matter. An "
    "arrow at the edge is a mean outside the plot; its figure is at the right."
)
HOLLOW = " A hollow mark is the mean at equal epochs."
EQUAL_COST = (
    "Gain at equal cost",
    "A loss is compared with the student alone as it is after as many seconds of training: its accuracy lies between "
    "those of two budgets, in proportion to the logarithm of the cost. Costs are means over seeds, of training alone "
    "without a cache, or as it was shared here. The training of the teacher is in neither.",
)
TESTS = (
    "Tests of a gain",
    f"Sign flips need {SEEDS_FOR_SIGN_FLIPS} seeds: with fewer, no pattern of signs is significant. The interval of an "
    "effect size is exact for normal differences, and wide with few seeds.",
)

Line = tuple[str, StudentRow | None, PairedDifference | None]


def gains_section(summary: Summary) -> Section:
    """Each loss against the same student under labels alone."""
    image = plot_gains(summary)
    return Section(
        "gain",
        "Gain over the student alone",
        _in_short(summary),
        (image,) if image else (),
        (confirmation_table(summary), detail_table(summary)),
        (*([EQUAL_COST] if any("cost" in row.gains for row in summary.students) else []), TESTS),
    )


def _in_short(summary: Summary) -> str:
    """The rows of each verdict, and at equal what, pair by pair."""
    parts = []
    for pair in summary.pairs:
        rows = [row for row in pair.students if row.headline]
        for equal in dict.fromkeys(row.headline.equal for row in rows if row.headline):
            mine = [row for row in rows if row.headline and row.headline.equal == equal]
            words = (
                f"{word}: {_rows(mine, word)}" for word in VERDICT_SIGNS if any(row.verdict == word for row in mine)
            )
            parts.append(f"{pair.pair}, at {EQUAL[equal]}: {'; '.join(words)}.")
        if only := [row.row for row in rows if row.better_at_equal_epochs_only]:
            parts.append(f"Better at equal epochs only: {quoted(only)}.")
    return " ".join(parts)


def _rows(rows: Sequence[StudentRow], word: Word) -> str:
    """The names of a verdict's rows; of undecided ones their number."""
    names = [row.row for row in rows if row.verdict == word]
    return str(len(names)) if word == "undecided" else quoted(names)


def detail_table(summary: Summary) -> Table:
    """One row per loss and pair."""
    found: list[Equal] = [each for each in EQUAL if any(each in row.gains for row in summary.students)]
    found.sort(key=lambda equal: equal != "cost")
    columns = (
        Column("Loss", numeric=False),
        *(
            Column("Gain", f"points, at {EQUAL[equal]}", "test top-1 over the student alone, with its 95 % interval")
            for equal in found
        ),
        Column("Verdict", "of the first gain", VERDICT_HELP, numeric=False),
        Column(
            "t-test", "p", "of the first gain: two-sided, against no difference; for this comparison alone", least=True
        ),
        Column(
            "Sign flips", "p", f"over seeds, without normality, exact; from {SEEDS_FOR_SIGN_FLIPS} seeds on", least=True
        ),
        Column("Holm", "p", "of the t-test, adjusted for all rows of the pair", least=True),
        Column("Effect size", "SDs", "mean over SD of the paired differences (Cohen's d_z), with its 95 % interval"),
        Column("Improves", "probability", "that a seed of the loss beats any seed of the student alone; ties are half"),
        Column("Least detectable", "points", "the smallest gain these seeds can show, at 80 % power", least=True),
        Column("Seeds", "shared"),
    )
    rows = tuple(_detail_row(summary, row, row.headline, found) for row in summary.students if row.headline)
    return Table("comparisons", "Comparisons in detail", columns, rows, folded=True)


def _detail_row(summary: Summary, row: StudentRow, headline: Gain, found: Sequence[Equal]) -> tuple[Cell, ...]:
    gain = headline.difference
    improvement = f.NONE if gain.improvement is None else f"{gain.improvement:.2f}"
    return (
        row_cell(summary, row),
        *(gain_cell(row.gains[equal].difference if equal in row.gains else None) for equal in found),
        headline_cell(row),
        Cell(f.p_value(gain.p_value), sort=gain.p_value),
        Cell(f.p_value(gain.sign_flip_p), sort=gain.sign_flip_p),
        Cell(f.p_value(headline.holm_p), sort=headline.holm_p),
        Cell(f.number(gain.effect_size), f.number_interval(gain.effect_interval), gain.effect_size),
        Cell(improvement, sort=gain.improvement),
        Cell(f.spread(gain.least_detectable), sort=gain.least_detectable),
        Cell(str(len(gain.seeds)), sort=len(gain.seeds)),
    )


def confirmation_table(summary: Summary) -> Table:
    """One row per pair whose candidate was trained at seeds that took no part in choosing it."""
    columns = (
        Column("Candidate", "", "the best on validation; below, its pair", numeric=False),
        Column("Against the student alone", "", "at equal cost: trained for so many more epochs", numeric=False),
        Column("Gain", "points", "test top-1, paired by seed and test sample, with its 95 % interval"),
        Column(
            "t-test",
            "p",
            "two-sided, against no difference: there is one comparison, so nothing is adjusted",
            least=True,
        ),
        Column("Seeds", "", "that took no part in the choice", numeric=False),
        Column("Confirmed", "", f"the interval lies above 0, over {SEEDS_FOR_A_CLAIM} seeds or more", numeric=False),
    )
    found = [(pair.pair, pair.confirmation) for pair in summary.pairs if pair.confirmation]
    rows = tuple(
        (
            Cell(each.row, pair),
            Cell(f"at {EQUAL[each.equal]}", f"{each.budget:.3g} x epochs"),
            gain_cell(each.difference),
            Cell(f.p_value(each.difference.p_value), sort=each.difference.p_value),
            Cell(", ".join(map(str, each.difference.seeds))),
            Cell("yes" if each.holds else "no", tag="better" if each.holds else "undecided"),
        )
        for pair, each in found
    )
    return Table("confirmation", "Candidates at seeds of their own", columns, rows)


def plot_gains(summary: Summary) -> Image | None:
    """Paired differences in points, a row per loss; None where nothing can be compared."""
    lines = _lines(summary)
    if not lines:
        return None
    equal = dict.fromkeys(EQUAL[row.headline.equal] for _, row, _ in lines if row and row.headline)
    title = f"Gain of each loss over the student alone at {' and '.join(equal)}, in points of test top-1"
    height = TOP + BOTTOM + LINE * len(lines)
    room = room_for(row.row for _, row, _ in lines if row)
    both = any("cost" in row.gains and "epochs" in row.gains for row in summary.students)
    told = HELP + HOLLOW * both
    return draw("gain", title, WIDTH + room, height, lambda drawing: _paint(drawing, summary, lines, room), told)


def _lines(summary: Summary) -> list[Line]:
    """Rows from top to bottom, the best first; with several pairs, each begins with its name."""
    found: list[Line] = []
    for pair in summary.pairs:
        rows: list[Line] = [(row.row, row, row.gain) for row in pair.students if row.gain]
        rows.sort(key=lambda line: -line[2].estimate.mean if line[2] else 0.0)
        if rows and len(summary.pairs) > 1:
            found.append((pair.pair, None, None))
        found += rows
    return found


def _paint(drawing: Drawing, summary: Summary, lines: list[Line], room: float) -> None:
    axes = drawing.axes(LEFT + room, RIGHT, BOTTOM, TOP)
    axes.set_ylim(len(lines) - 0.5, -0.5)
    gains = on_scale([gain.estimate for _, _, gain in lines if gain])
    ends = [100 * end for gain in gains if gain.interval for end in (gain.interval.low, gain.interval.high)]
    zone = 100 * EQUIVALENCE
    hollow = on_scale([row.gains["epochs"].difference.estimate for _, row, _ in lines if row and "epochs" in row.gains])
    shown = middle([v for gain in gains for v in gain.values]) + [gain.mean for gain in (*gains, *hollow)]
    limit(axes, "x", [*(100 * v for v in shown), -zone, zone], ends)
    axes.axvspan(-zone, zone, color=BAND, linewidth=0, zorder=0)
    axes.axvline(0, color=MUTED, linewidth=1, zorder=1)
    style = {pair.pair: looks(summary, pair) for pair in summary.pairs}
    for y, (label, row, gain) in enumerate(lines):
        if row and gain:
            _mark_gain(drawing, y, row, gain, style[row.pair][row.row])
        else:
            _write(drawing, y, -LEFT - room + 8, shorten(label, 46), left=True, weight="bold")
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=GRID, linewidth=0.8)
    axes.set_xlabel("Gain over the student alone (points of test top-1)")
    axes.annotate(
        f"±{zone:g} points: practically equal",
        (0, 1),
        (0, 6),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="center",
        color=MUTED,
        fontsize=9,
    )


def _mark_gain(drawing: Drawing, y: int, row: StudentRow, gain: PairedDifference, look: Look) -> None:
    axes = drawing.figure.axes[0]
    found = gain.estimate
    if found.interval:
        bar(drawing, axes, [100 * found.interval.low, 100 * found.interval.high], [y, y], look)
    seeds = zip(gain.seeds, found.values, strict=True)
    each = [(100 * value, y + 0.27, f"{row.row}, seed {seed}: {f.points(value)} points") for seed, value in seeds]
    dots(drawing, axes, each, look)
    mark(drawing, axes, 100 * found.mean, y, look, f"{row.row}: mean {f.points(found.mean)} points")
    epochs = row.gains.get("epochs")
    if epochs and epochs.difference is not gain:
        mean = epochs.difference.estimate.mean
        hollow = replace(look, hollow=True, size=5.0)
        mark(drawing, axes, 100 * mean, y, hollow, f"{row.row}: mean {f.points(mean)} points at equal epochs")
    _write(drawing, y, -12, shorten(row.row), left=False, weight="normal")
    _write(drawing, y, WIDTH - LEFT - RIGHT + 12, f.points(found.mean), left=True, weight="bold")
    _write(
        drawing,
        y,
        WIDTH - LEFT - RIGHT + 54,
        f.points_interval(found.interval) or "no interval",
        left=True,
        weight="normal",
    )


def _write(drawing: Drawing, y: int, x: float, text: str, *, left: bool, weight: str) -> None:
    """Text beside the axes, `x` points from their left edge."""
    drawing.figure.axes[0].annotate(
        text,
        (0, y),
        (x, 0),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        ha="left" if left else "right",
        va="center_baseline",
        fontsize=9.5,
        fontweight=weight,
        color=INK,
    )
