"""Gains over the student alone: drawn, and with every figure that a comparison by seeds has."""

from kdbench.analyze import StudentRow, Summary
from kdbench.analyze.models.pooled_gain import PooledGain
from kdbench.report.sections.plot_gain import plot_gain
from kdbench.report.writing import formats as f
from kdbench.report.writing.section import Section
from kdbench.report.writing.tables import Cell, Column, Table, gain_cell, loss_cell, verdict_cell
from kdbench.statistics.paired import EQUIVALENCE
from kdbench.statistics.resampling import SEEDS_FOR_SIGN_FLIPS


def gain_section(summary: Summary) -> Section:
    """Each loss against the same student under labels alone."""
    image = plot_gain(summary)
    return Section(
        "gain",
        "Gain over the student alone",
        "Differences are paired by seed: small dots are seeds, large marks means, lines 95 % intervals. Inside the "
        f"shaded band of ±{100 * EQUIVALENCE:g} points a difference is of no practical consequence. An interval that "
        "leaves the plot is cut; its figures stand at the right. An arrow at the edge is a loss far from all others.",
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
        f"Sign flips need {SEEDS_FOR_SIGN_FLIPS} seeds: of fewer, no pattern of signs could be called significant. "
        "An effect size is exact for normal differences; with few seeds its interval is wide, and says so.",
    )
    return Table("comparisons", "Comparisons in detail", columns, rows, notes, folded=True)


def _detail_row(summary: Summary, row: StudentRow) -> tuple[Cell, ...]:
    gain = row.gain
    assert gain is not None
    improvement = f.NONE if gain.improvement is None else f"{gain.improvement:.2f}"
    return (
        loss_cell(summary, row),
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
            Cell(gain.loss),
            Cell(f.points(gain.estimate.mean), f.points_interval(gain.estimate.interval), gain.estimate.mean),
            Cell(str(gain.estimate.groups), sort=gain.estimate.groups),
            Cell(str(gain.estimate.values), sort=gain.estimate.values),
        )
        for gain in gains
    )
    note = (
        "The middle half of all gains, so that no pair or seed alone decides. The interval, of a bootstrap within each "
        "pair, holds for these pairs: others were not drawn."
    )
    return Table("pooled", "All pairs together", columns, rows, (note,))
