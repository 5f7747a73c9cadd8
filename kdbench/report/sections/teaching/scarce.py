"""Few samples: accuracy by the number of labelled samples, and how many times fewer give the same accuracy."""

from collections.abc import Iterator, Sequence

from pydantic import JsonValue

from kdbench.analyze import Summary
from kdbench.analyze.teaching.scarce import ScarceCurve, ScarcePoint
from kdbench.report.writing import formats as f
from kdbench.report.writing.drawing import Image
from kdbench.report.writing.lines import ALONE, Line, look_of, plot_lines
from kdbench.report.writing.section import Section
from kdbench.report.writing.tables import Cell, Column, Table, estimate_cell, gain_cell, headline_cell
from kdbench.statistics.intervals import Estimate
from kdbench.statistics.survival import Saving

HELP = (
    "How accurate the student is when it has few labelled samples. The student alone got the same samples, seen as "
    "often: where the line of a loss is above it, the teacher's outputs stand in for labels. Read across: how far "
    "left a loss already reaches the accuracy that the student alone has with all samples."
)
TERMS = (
    (
        "Few samples",
        "Students were trained on parts of the training samples, which each seed draws for itself; the student alone "
        "got the same part, seen as often. 'teacher=part': the teacher was trained on the same part, too; otherwise on "
        "all samples. 'rest=unlabelled': the student also learned from the teacher's outputs on all other samples, "
        "without their labels.",
    ),
    (
        "Fewer samples",
        "The labelled samples that the student alone needs for the same test accuracy, over those that were given. "
        "Between the numbers of samples that were run, the student alone is taken to rise in proportion to their "
        "logarithm, seed by seed; the ratio is the geometric mean over seeds, with its 95 % interval. Where it has no "
        "mean, some seeds lie beyond what was run: the student alone never gets there, even with all samples "
        "('above'), or is better with the fewest already ('below').",
    ),
)


def scarce_section(summary: Summary) -> Section:
    """Empty for suites that train no student on few samples."""
    pairs = dict.fromkeys(curve.pair for curve in summary.scarce)
    images = (
        image
        for number, pair in enumerate(pairs)
        for image in _images([curve for curve in summary.scarce if curve.pair == pair], number)
    )
    return Section(
        "scarce",
        "Few samples",
        "How accurate students are that were trained on parts of the training samples, and how many labels the teacher "
        "saves. The student alone stands once for each number of samples: all losses are compared with it.",
        tuple(images),
        (scarce_table(summary),),
        TERMS,
    )


def _images(curves: Sequence[ScarceCurve], number: int) -> Iterator[Image]:
    """One for each loss with a teacher: all that it was run under, and the student alone."""
    alone = [curve for curve in curves if curve.alone]
    for place, loss in enumerate(dict.fromkeys(curve.loss for curve in curves if not curve.alone)):
        mine = [curve for curve in curves if curve.loss == loss]
        lines = [Line(curve.under or loss, look_of(index), _points(curve)) for index, curve in enumerate(mine)]
        lines += [Line("the student alone", ALONE, _points(curve)) for curve in alone]
        title = f"{curves[0].pair}: test top-1 of '{loss}' by labelled training samples"
        if image := plot_lines(f"scarce-{number}-{place}", title, lines, "Labelled training samples", HELP):
            yield image


def _points(curve: ScarceCurve) -> tuple[tuple[JsonValue, Estimate], ...]:
    return tuple((point.samples, point.row.top1) for point in curve.points)


def _name(curve: ScarceCurve) -> str:
    return ", ".join(filter(None, (curve.loss, curve.under)))


def scarce_table(summary: Summary) -> Table:
    """One line per loss, kind of scarcity and number of samples."""
    columns = (
        Column("Loss", numeric=False),
        Column("Samples", "labelled"),
        Column("Top-1", "% of test", "mean over seeds, with its 95 % interval"),
        Column("Gain", "points", "test top-1 over the student alone on the same samples, with its 95 % interval"),
        Column("Verdict", "of the gain", "among all rows of the pair", numeric=False),
        Column(
            "Fewer samples", "ratio", "what the student alone needs for the same test accuracy, over what was given"
        ),
    )
    shown = {point.row.name: (curve, point) for curve in reversed(summary.scarce) for point in reversed(curve.points)}
    rows = tuple(_row(summary, *each) for each in reversed(shown.values()))
    return Table("scarce", "Accuracy by labelled samples", columns, rows)


def _row(summary: Summary, curve: ScarceCurve, point: ScarcePoint) -> tuple[Cell, ...]:
    row = point.row
    return (
        Cell(_name(curve), curve.pair if len(summary.pairs) > 1 else "alone" if curve.alone else "", of=row.name),
        Cell(f.count(point.samples), sort=point.samples),
        estimate_cell(row.top1, f.percent, f.percent_interval),
        gain_cell(row.gain),
        headline_cell(row),
        _saving_cell(point.saving),
    )


def _saving_cell(found: Saving | None) -> Cell:
    if found is None:
        return Cell(f.NONE)
    if found.mean is not None:
        return Cell(f.times(found.mean), f.number_interval(found.interval), found.mean)
    seeds = len(found.ratios) + found.above + found.below
    beyond = [f"{count} {where}" for count, where in ((found.above, "above"), (found.below, "below")) if count]
    return Cell(f"{' and '.join(beyond)} of {f.several(seeds, 'seed')}")
