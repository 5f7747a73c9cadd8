"""Deployed variants: what quantization saves, and how much accuracy each loss keeps."""

from kdbench.analyze import Summary
from kdbench.analyze.models.variants import VariantRow
from kdbench.report.writing import formats as f
from kdbench.report.writing.section import Section
from kdbench.report.writing.tables import Cell, Column, Table


def variants_section(summary: Summary) -> Section:
    """Variants against the exported models they were made from."""
    return Section("variants", "Deployed variants", _answer(summary), tables=(variant_table(summary.variants),))


def _answer(summary: Summary) -> str:
    """Whether distilled students keep more of their accuracy than the one trained alone."""
    found = [row for row in summary.variants if row.against_alone and row.against_alone.claims]
    if not found:
        return (
            "The accuracy of each variant was measured on the test split. At least 5 seeds are needed to say whether "
            "distilled students keep more of it than the student alone."
        )
    better = [row for row in found if (i := row.against_alone and row.against_alone.estimate.interval) and i.low > 0]
    worse = [row for row in found if (i := row.against_alone and row.against_alone.estimate.interval) and i.high < 0]
    if not better and not worse:
        return (
            "Does the distilled student keep more of its accuracy than the student alone? No difference was found: "
            "every 95 % interval of the difference, paired by seed, contains 0."
        )

    def named(rows: list[VariantRow]) -> str:
        return ", ".join(f"{row.row} as {row.variant}" for row in rows) or "none"

    return (
        "Does the distilled student keep more of its accuracy than the student alone? By 95 % intervals of the "
        f"difference, paired by seed: more with {named(better)}; less with {named(worse)}."
    )


def variant_table(rows: tuple[VariantRow, ...]) -> Table:
    """One row per model, loss and variant."""
    columns = (
        Column("Model", numeric=False),
        Column("Loss", numeric=False),
        Column("Variant", numeric=False),
        Column("Top-1", "% of test", "of the variant, mean over seeds, with its 95 % interval"),
        Column("Change", "points", "against the exported model, paired by seed, with its 95 % interval"),
        Column("Against the student alone", "points", "change minus that of the student alone, paired by seed"),
        Column("ONNX file", "", "below, the exported file's size over it"),
        Column("Latency", "ratio", "to the exported model's, of interleaved slices"),
        Column("Largest drift", "SDs", "of a logit from the exported model's; largest over seeds"),
        Column("Flips", "% of test", "samples whose top-1 differs from the exported model's; mean over seeds"),
    )
    return Table("variants", "Exported models and their variants", columns, tuple(map(_row, rows)))


def _row(row: VariantRow) -> tuple[Cell, ...]:
    against = row.against_alone.estimate if row.against_alone else None
    change = row.change.estimate if row.change else None
    latency = row.latency
    return (
        Cell(row.model),
        Cell(row.row),
        Cell(row.variant, "damaged" if row.damaged else ""),
        Cell(f.percent(row.top1.mean), f.percent_interval(row.top1.interval), row.top1.mean),
        Cell(f.points(change.mean), f.points_interval(change.interval), change.mean) if change else Cell(f.NONE),
        Cell(f.points(against.mean), f.points_interval(against.interval), against.mean) if against else Cell(f.NONE),
        Cell(f.byte_size(row.onnx_bytes), f"{f.times(row.smaller)} smaller", row.onnx_bytes),
        Cell(f"{latency.estimate:.3f}", f"{latency.low:.3f} to {latency.high:.3f}", latency.estimate)
        if latency
        else Cell(f.NONE),
        Cell(f"{row.largest_drift:.3f}", sort=row.largest_drift),
        Cell(f.percent(row.flips), sort=row.flips),
    )
