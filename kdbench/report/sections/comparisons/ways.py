"""Each loss under the settings of a way of teaching of which some options were swept."""

from collections.abc import Iterator

from kdbench.analyze import StudentRow, Summary
from kdbench.analyze.comparisons.ways import LossBySetting, Settings, SweptWay, swept_ways
from kdbench.report.writing import formats as f
from kdbench.report.writing.drawing import Image
from kdbench.report.writing.heat import plot_heat
from kdbench.report.writing.lines import ALONE, Line, look_of, plot_lines
from kdbench.report.writing.section import Section
from kdbench.report.writing.tables import Cell, Column, Table, estimate_cell, gain_cell, headline_cell
from kdbench.spec.errors import as_toml

ALONE_HELP = (
    "Test top-1 by one option of the way of teaching. In dashes is the student alone, under the same setting where the "
    "way of teaching trains it, too."
)
HEAT_HELP = "Each figure is the gain over the student alone with these values of two options, in points of test top-1."


def ways_section(summary: Summary) -> Section:
    """Empty for suites that sweep no way of teaching."""
    found = [way for pair in summary.pairs for way in swept_ways(pair, summary.suite)]
    images = (image for number, way in enumerate(found) for image in _images(way, number))
    return Section(
        "by-setting",
        "By setting of the way of teaching",
        "Each way of teaching below was run with several values of an option.",
        tuple(images),
        (ways_table(summary, found),),
    )


def _images(way: SweptWay, number: int) -> Iterator[Image]:
    """Accuracies by the only option that was swept; gains by two."""
    if len(way.keys) == 1:
        (key,) = way.keys
        lines = [_line(loss, key, place) for place, loss in enumerate(_taught_first(way))]
        title = f"{way.pair}: test top-1 under '{way.name}' by {key}"
        if image := plot_lines(f"way-{number}", title, lines, key, ALONE_HELP):
            yield image
    if len(way.keys) == 2:
        for place, loss in enumerate(each for each in way.losses if not each.alone):
            title = f"{way.pair}: gain of '{loss.name}' over the student alone under '{way.name}', in points"
            if image := _heat(way, loss, f"way-{number}-{place}", title):
                yield image


def _taught_first(way: SweptWay) -> list[LossBySetting]:
    return sorted(way.losses, key=lambda loss: loss.alone)


def _line(loss: LossBySetting, key: str, place: int) -> Line:
    points = tuple((settings[key], row.top1) for settings, row in loss.rows)
    return Line(loss.name, ALONE if loss.alone else look_of(place), points)


def _heat(way: SweptWay, loss: LossBySetting, name: str, title: str) -> Image | None:
    """Gains in points: a line for each value of the first option, a column for each of the second."""
    down, across = way.keys
    gains = {(settings[down], settings[across]): row.gain.estimate.mean for settings, row in loss.rows if row.gain}
    rows = [
        (f"{down} = {as_toml(value)}", [gains.get((value, other)) for other in way.values(across)])
        for value in way.values(down)
    ]
    return plot_heat(name, title, list(map(as_toml, way.values(across))), rows, f.points, across, HEAT_HELP)


def ways_table(summary: Summary, found: list[SweptWay]) -> Table:
    """One row per setting and loss."""
    columns = (
        Column("Way of teaching", numeric=False),
        Column("Setting", numeric=False),
        Column("Loss", numeric=False),
        Column("Top-1", "% of test", "mean over seeds, with its 95 % interval"),
        Column("Gain", "points", "test top-1 over the student alone, paired by seed, with its 95 % interval"),
        Column("Verdict", "of the gain", "among all rows of the pair", numeric=False),
        Column("Seeds"),
    )
    rows = tuple(
        _row(way, settings, loss, row, several=len(summary.pairs) > 1)
        for way in found
        for loss in way.losses
        for settings, row in loss.rows
    )
    return Table("ways", "Settings of ways of teaching", columns, rows, folded=len(rows) > 12)


def _row(way: SweptWay, settings: Settings, loss: LossBySetting, row: StudentRow, several: bool) -> tuple[Cell, ...]:
    return (
        Cell(way.name, way.pair if several else "", of=row.name),
        Cell(", ".join(f"{key} = {as_toml(value)}" for key, value in settings.items())),
        Cell(loss.name, "alone" if loss.alone else ""),
        estimate_cell(row.top1, f.percent, f.percent_interval),
        gain_cell(row.gain),
        headline_cell(row),
        Cell(str(len(row.seeds)), sort=len(row.seeds)),
    )
