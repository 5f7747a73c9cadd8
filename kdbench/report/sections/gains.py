"""Gains over the student alone: a forest plot, and all figures of the paired comparisons."""

from collections.abc import Sequence
from statistics import quantiles

from kdbench.analyze import StudentRow, Summary
from kdbench.analyze.models.gains import PooledGain
from kdbench.report.writing import formats as f
from kdbench.report.writing.drawing import BAND, GRID, INK, MUTED, Drawing, Image, draw
from kdbench.report.writing.section import Section
from kdbench.report.writing.series import Look, limit, looks, mark, shorten
from kdbench.report.writing.tables import Cell, Column, Table, gain_cell, row_cell, verdict_cell
from kdbench.statistics.intervals import Estimate
from kdbench.statistics.paired import EQUIVALENCE, PairedDifference
from kdbench.statistics.resampling import SEEDS_FOR_SIGN_FLIPS

WIDTH, LEFT, RIGHT, BOTTOM, TOP = 720.0, 150.0, 196.0, 46.0, 20.0
LINE = 25.0
FAR = 3.0  # interquartile ranges beyond the quartiles (Tukey's far out)
ROWS_FOR_A_SCALE = 8  # of fewer, all set the scale

Line = tuple[str, StudentRow | None, PairedDifference | None]


def gains_section(summary: Summary) -> Section:
    """Each loss against the same student under labels alone."""
    image = plot_gains(summary)
    return Section(
        "gain",
        "Gain over the student alone",
        "Differences are paired by seed: small dots are seeds, large marks means, lines 95 % intervals. Inside the "
        f"shaded band of ±{100 * EQUIVALENCE:g} points a difference is of no practical consequence. Intervals that "
        "leave the plot are cut; figures are at the right. An arrow at the edge marks a mean outside the plot.",
        (image,) if image else (),
        (detail_table(summary), pooled_table(summary.pooled)),
    )


def detail_table(summary: Summary) -> Table:
    """One row per loss and pair."""
    columns = (
        Column("Loss", numeric=False),
        Column("Gain", "points", "test top-1 over the student alone, paired by seed, with its 95 % Student-t interval"),
        Column("Paired t", "p", "two-sided, against no difference; for this comparison alone"),
        Column("Sign flips", "p", f"the same without normality, exact; from {SEEDS_FOR_SIGN_FLIPS} seeds on"),
        Column("Holm", "p", "of the paired t, adjusted for all losses of the pair"),
        Column("Effect size", "SDs", "mean over SD of the paired differences (Cohen's d_z), with its 95 % interval"),
        Column("Improves", "probability", "that a seed of the loss beats any seed of the student alone; ties are half"),
        Column("Least detectable", "points", "the smallest gain these seeds can show, at 80 % power"),
        Column("Seeds", "shared"),
        Column("Verdict", "of the gain", "its whole interval against ±0.5 points", numeric=False),
    )
    rows = tuple(_detail_row(summary, row) for row in summary.students if row.gain)
    notes = (
        f"Sign flips need {SEEDS_FOR_SIGN_FLIPS} seeds: with fewer, no pattern of signs is significant. The interval "
        "of an effect size is exact for normal differences, and wide with few seeds.",
    )
    return Table("comparisons", "Comparisons in detail", columns, rows, notes, folded=True)


def _detail_row(summary: Summary, row: StudentRow) -> tuple[Cell, ...]:
    gain = row.gain
    assert gain is not None
    improvement = f.NONE if gain.improvement is None else f"{gain.improvement:.2f}"
    return (
        row_cell(summary, row),
        gain_cell(gain),
        Cell(f.p_value(gain.p_value), sort=gain.p_value),
        Cell(f.p_value(gain.sign_flip_p), sort=gain.sign_flip_p),
        Cell(f.p_value(row.holm_p), sort=row.holm_p),
        Cell(f.number(gain.effect_size), f.number_interval(gain.effect_interval), gain.effect_size),
        Cell(improvement, sort=gain.improvement),
        Cell(f.spread(gain.least_detectable), sort=gain.least_detectable),
        Cell(str(len(gain.seeds)), sort=len(gain.seeds)),
        verdict_cell(row),
    )


def pooled_table(gains: tuple[PooledGain, ...]) -> Table:
    """One row per loss that several pairs share."""
    columns = (
        Column("Loss", numeric=False),
        Column("Gain", "points", "interquartile mean over pairs and seeds, with its 95 % interval"),
        Column("Pairs"),
        Column("Gains", "seeds of all pairs"),
    )
    rows = tuple(
        (
            Cell(gain.row),
            Cell(f.points(gain.estimate.mean), f.points_interval(gain.estimate.interval), gain.estimate.mean),
            Cell(str(gain.estimate.groups), sort=gain.estimate.groups),
            Cell(str(gain.estimate.values), sort=gain.estimate.values),
        )
        for gain in gains
    )
    note = (
        "The mean of the middle half of all gains, so that no single pair or seed dominates. The interval comes from a "
        "bootstrap within each pair and holds for these pairs, not for others."
    )
    return Table("pooled", "All pairs together", columns, rows, (note,))


def plot_gains(summary: Summary) -> Image | None:
    """Paired differences in points, a row per loss; None where nothing can be compared."""
    lines = _lines(summary)
    if not lines:
        return None
    title = "Gain of each loss over the student alone in points of test top-1, paired by seed"
    height = TOP + BOTTOM + LINE * len(lines)
    return draw("gain", title, WIDTH, height, lambda drawing: _paint(drawing, summary, lines))


def _lines(summary: Summary) -> list[Line]:
    """Rows from top to bottom; with several pairs, each begins with its name."""
    found: list[Line] = []
    for pair in summary.pairs:
        rows: list[Line] = [(row.row, row, row.gain) for row in pair.students if row.gain]
        if rows and len(summary.pairs) > 1:
            found.append((pair.pair, None, None))
        found += rows
    return found


def _paint(drawing: Drawing, summary: Summary, lines: list[Line]) -> None:
    axes = drawing.axes(LEFT, RIGHT, BOTTOM, TOP)
    axes.set_ylim(len(lines) - 0.5, -0.5)
    gains = on_scale([gain.estimate for _, _, gain in lines if gain])
    ends = [100 * end for gain in gains if gain.interval for end in (gain.interval.low, gain.interval.high)]
    zone = 100 * EQUIVALENCE
    limit(axes, "x", [*(100 * v for gain in gains for v in gain.values), -zone, zone], ends)
    axes.axvspan(-zone, zone, color=BAND, linewidth=0, zorder=0)
    axes.axvline(0, color=MUTED, linewidth=1, zorder=1)
    style = looks(summary)
    for y, (label, row, gain) in enumerate(lines):
        if row and gain:
            _mark_gain(drawing, y, row, gain, style[row.row])
        else:
            _write(drawing, y, -LEFT + 8, shorten(label, 46), left=True, weight="bold")
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


def on_scale(gains: Sequence[Estimate]) -> list[Estimate]:
    """Those that set the scale: one loss that collapsed would make all others too small to read."""
    if len(gains) < ROWS_FOR_A_SCALE:
        return list(gains)
    low, _, high = quantiles((gain.mean for gain in gains), n=4)
    reach = FAR * (high - low)
    return [gain for gain in gains if low - reach <= gain.mean <= high + reach] or list(gains)


def _mark_gain(drawing: Drawing, y: int, row: StudentRow, gain: PairedDifference, look: Look) -> None:
    axes = drawing.figure.axes[0]
    found = gain.estimate
    low, high = axes.get_xlim()
    if found.interval:
        axes.plot([100 * found.interval.low, 100 * found.interval.high], [y, y], color=look.color, linewidth=1.6)
    for seed, value in zip(gain.seeds, found.values, strict=True):
        dot = Look(look.color, "o", size=3.2)
        if low <= 100 * value <= high:
            mark(axes, 100 * value, y + 0.27, dot, drawing, f"{row.row}, seed {seed}: {f.points(value)} points")
    edge = min(max(100 * found.mean, low), high)
    if edge != 100 * found.mean:  # off the scale: an arrow at the edge
        look = Look(look.color, "<" if edge == low else ">", size=6.5)
    mark(axes, edge, y, look, drawing, f"{row.row}: mean {f.points(found.mean)} points")
    _write(drawing, y, -12, shorten(row.row, 24), left=False, weight="normal")
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
