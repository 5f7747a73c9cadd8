"""Hints: gains by the layer that is read and by how its features are compared, as a heat map and in figures."""

from kdbench.analyze import Summary
from kdbench.analyze.teaching.hints import HintMap, hint_maps
from kdbench.report.writing import formats as f
from kdbench.report.writing.drawing import Image
from kdbench.report.writing.heat import plot_heat
from kdbench.report.writing.section import Section
from kdbench.report.writing.tables import Cell, Column, Table, estimate_cell, gain_cell, headline_cell

HELP = (
    "Each cell is a loss that draws one layer of the student (its line) to a layer of the teacher, and compares their "
    "features in one way (its column). The figure is its gain over the student alone, in points of test top-1."
)
TRANSFORMS = (
    "Transforms of hints",
    "Features are compared as they are (raw), after a learnt projection (projected), averaged over height and width "
    "(pooled), divided by their size (normalized), or as the map of where they are large (attention transfer).",
)


def hints_section(summary: Summary) -> Section:
    """Empty for suites without losses that read one layer, at two layers or more."""
    found = hint_maps(summary.pairs, summary.suite)
    images = (_plot(each, number) for number, each in enumerate(found))
    return Section(
        "hints",
        "Hints by layer and transform",
        "Which layer of the teacher helps, and how its features are best compared with the student's.",
        tuple(image for image in images if image),
        (hints_table(summary, found),),
        (TRANSFORMS,),
    )


def _plot(found: HintMap, number: int) -> Image | None:
    rows = [(layer, [_gain(found, layer, transform) for transform in found.transforms]) for layer in found.layers]
    title = f"{found.pair}: gain over the student alone by layer and transform, in points of test top-1"
    return plot_heat(f"hints-{number}", title, found.transforms, rows, f.points, help=HELP)


def _gain(found: HintMap, layer: str, transform: str) -> float | None:
    row = found.rows.get((layer, transform))
    return row.gain.estimate.mean if row and row.gain else None


def hints_table(summary: Summary, found: tuple[HintMap, ...]) -> Table:
    """One line per layer and transform."""
    columns = (
        Column("Layer", numeric=False),
        Column("Transform", numeric=False),
        Column("Top-1", "% of test", "mean over seeds, with its 95 % interval"),
        Column("Gain", "points", "test top-1 over the student alone, with its 95 % interval"),
        Column("Verdict", "of the gain", "among all rows of the pair", numeric=False),
    )
    rows = tuple(
        (
            Cell(layer, each.pair if len(summary.pairs) > 1 else "", of=row.name),
            Cell(transform),
            estimate_cell(row.top1, f.percent, f.percent_interval),
            gain_cell(row.gain),
            headline_cell(row),
        )
        for each in found
        for (layer, transform), row in each.rows.items()
    )
    return Table("hints", "Gains by layer and transform", columns, rows, folded=len(rows) > 12)
