"""Ensembles of teachers: each teacher and the ensemble as networks, with their cost, and the students of both."""

from kdbench.analyze import Summary
from kdbench.analyze.teaching.ensembles import Figures, Team
from kdbench.report.writing import formats as f
from kdbench.report.writing.section import Section
from kdbench.report.writing.tables import Cell, Column, Table, estimate_cell, gain_cell


def ensembles_section(summary: Summary) -> Section:
    """Empty for suites that ask for no ensemble itself."""
    return Section(
        "ensembles",
        "Ensembles of teachers",
        "An ensemble is the mean of its teachers' outputs: as accurate as it may be, it costs as much as all of them "
        "together. A student of the ensemble costs what every student does. It is compared with the student of the one "
        "teacher of the ensemble that is best on validation, under the same loss and at the same seeds.",
        tables=(ensembles_table(summary),),
    )


def ensembles_table(summary: Summary) -> Table:
    """Teachers, ensembles and students of each team."""
    columns = (
        Column("Network", numeric=False),
        Column("Model", numeric=False),
        Column("Validation", "%", "top-1, with its 95 % interval over several networks"),
        Column("Top-1", "% of test", "with its 95 % interval"),
        Column("Gain", "points", "the ensemble's student minus the best teacher's, paired by seed and test sample"),
        Column("Parameters", least=True),
        Column("FLOPs", "per sample", least=True),
        Column("Latency", "of one call", "as models are ordered by in this report", least=True),
        Column("Networks"),
    )
    rows = tuple(cells for team in summary.teams for cells in _rows(summary, team))
    return Table("ensembles", "Teachers, ensembles and their students", columns, rows)


def _rows(summary: Summary, team: Team) -> list[tuple[Cell, ...]]:
    pair = team.pair if len(summary.pairs) > 1 else ""
    rows = [_row(f"teacher {number}", pair, model, each) for number, (model, each) in enumerate(team.teachers, start=1)]
    together = f"all {len(team.teachers)} teachers"
    rows += [_row(f"ensemble, mean of {combine}", pair, together, each) for combine, each in team.ensembles]
    singles = {taught.loss: (taught.model, taught.single) for taught in team.students if taught.single}
    rows += [_row(f"{loss}, the best teacher alone", pair, model, each) for loss, (model, each) in singles.items()]
    rows += [_row(each.row, pair, each.model, each.student, gain_cell(each.gain)) for each in team.students]
    return rows


def _row(name: str, pair: str, model: str, found: Figures, gain: Cell | None = None) -> tuple[Cell, ...]:
    return (
        Cell(name, pair),
        Cell(model),
        estimate_cell(found.validation, f.percent, f.percent_interval),
        estimate_cell(found.top1, f.percent, f.percent_interval),
        gain or Cell(f.NONE),
        Cell(f.count(found.parameters), sort=found.parameters),
        Cell(f.count(found.flops), sort=found.flops),
        Cell(f.microseconds(found.microseconds), sort=found.microseconds),
        Cell(str(found.networks), sort=found.networks),
    )
