"""Deployed variants: what quantization saves, and how much accuracy each loss keeps."""

from collections.abc import Sequence

from kdbench.analyze import Summary
from kdbench.analyze.models.variants import LEAST_KEPT, VariantRow
from kdbench.report.writing import formats as f
from kdbench.report.writing.section import Section
from kdbench.report.writing.tables import Cell, Column, Table
from kdbench.statistics.paired import EQUIVALENCE, SEEDS_FOR_A_CLAIM
from kdbench.statistics.verdicts import Word


def variants_section(summary: Summary) -> Section:
    """Variants against the exported models they were made from."""
    intro = " ".join(filter(None, (_answer(summary), _trained(summary.variants))))
    return Section("variants", "Deployed variants", intro, tables=(variant_table(summary.variants),))


def _trained(rows: Sequence[VariantRow]) -> str:
    """What the change of a trained variant holds; empty where there is none."""
    names = dict.fromkeys(row.variant for row in rows if row.trained)
    return (
        f"The change of {', '.join(names)} holds what its further training adds, which the student alone has as well; "
        "its files agree with that training in torch, but for values that lie between two steps."
        if names
        else ""
    )


def _answer(summary: Summary) -> str:
    """Whether distilled students keep more of their accuracy than the one trained alone: one sentence for all."""
    judged = [row for row in summary.variants if row.verdict]
    seeds = max((len(row.against_alone.values) for row in judged if row.against_alone), default=0)
    if seeds < SEEDS_FOR_A_CLAIM:
        return (
            f"The accuracy of each variant was measured on the test split. At least {SEEDS_FOR_A_CLAIM} seeds are "
            "needed to say whether distilled students keep more of it than the student alone."
        )
    margin = f"{100 * EQUIVALENCE:g} points"
    better, worse = (_named(judged, word) for word in ("better", "worse"))
    found = [f"{better} keep more, by over {margin}"] if better else []
    found += [f"{worse} keep less, by over {margin}"] if worse else []
    if not found:
        found = [f"none is shown to keep more or less, by over {margin}"]
    same = sum(row.verdict == "equivalent" for row in judged)
    return (
        "Do distilled students keep more of their accuracy in fewer bits than the student alone? Of "
        f"{f.several(len(judged), 'comparison')} of rows and variants, judged as one family: {'; '.join(found)}; "
        f"{same} {'is' if same == 1 else 'are'} shown to differ by less."
    )


def _named(rows: Sequence[VariantRow], word: Word) -> str:
    return ", ".join(f"{row.row} as {row.variant}" for row in rows if row.verdict == word)


def variant_table(rows: tuple[VariantRow, ...]) -> Table:
    """One row per model, loss and variant."""
    columns = (
        Column("Model", numeric=False),
        Column("Loss", numeric=False),
        Column("Variant", numeric=False),
        Column("Top-1", "% of test", "of the variant, mean over seeds, with its 95 % interval"),
        Column("Change", "points", "against the exported model, paired by seed and sample, with its 95 % interval"),
        Column(
            "Kept", "% of fp32", "of the exported model's top-1; below, which of MLPerf's lines it is shown to keep"
        ),
        Column("Against the student alone", "points", "change minus that of the student alone, paired likewise"),
        Column("ONNX file", "", "below, the exported file's size over it", least=True),
        Column("Latency", "ratio", "to the exported model's, of interleaved slices", least=True),
        Column("Largest drift", "SDs", "of a logit from the exported model's; largest over seeds", least=True),
        Column(
            "Flips", "% of test", "samples whose top-1 differs from the exported model's; mean over seeds", least=True
        ),
        Column("Training", "", "of variants that are trained further: its cost alone and uncached, mean over seeds"),
    )
    return Table("variants", "Exported models and their variants", columns, tuple(map(_row, rows)))


def _row(row: VariantRow) -> tuple[Cell, ...]:
    against, latency = row.against_alone, row.latency
    return (
        Cell(row.model, of=(row.pair, row.role, row.row)),
        Cell(row.row),
        Cell(row.variant, "damaged" if row.damaged else ""),
        Cell(f.percent(row.top1.mean), f.percent_interval(row.top1.interval), row.top1.mean),
        Cell(f.points(row.change.mean), f.points_interval(row.change.interval), row.change.mean),
        Cell(f.percent(row.kept), _line(row), row.kept),
        Cell(
            f.points(against.mean),
            ", ".join(filter(None, (f.points_interval(against.interval), row.verdict))),
            against.mean,
        )
        if against
        else Cell(f.NONE),
        Cell(f.byte_size(row.onnx_bytes), f"{f.times(row.smaller)} smaller", row.onnx_bytes),
        Cell(f"{latency.estimate:.3f}", _range(row), latency.estimate) if latency else Cell(f.NONE),
        Cell(f"{row.largest_drift:.3f}", sort=row.largest_drift),
        Cell(f.percent(row.flips), sort=row.flips),
        Cell(f.seconds(row.training_seconds), sort=row.training_seconds),
    )


def _line(row: VariantRow) -> str:
    """By the row's own 95 % interval; empty where neither line is shown to be kept or missed."""
    if row.line:
        return f"at least {100 * row.line:g} %"
    return f"under {100 * LEAST_KEPT:g} %" if row.lost else ""


def _range(row: VariantRow) -> str:
    latency = row.latency
    return f"{latency.low:.3f} to {latency.high:.3f}{', slower' if row.slower else ''}" if latency else ""
