"""Stability across environments: what stays right however the test images are corrupted."""

from pydantic import JsonValue

from kdbench.analyze import Summary
from kdbench.analyze.models.conditions import EnvironmentRow
from kdbench.report.sections.plot_conditions import plot_environments
from kdbench.report.writing import formats as f
from kdbench.report.writing.section import Section
from kdbench.report.writing.tables import Cell, Column, Table, estimate_cell, gain_cell, model_cell

# What the numbers of a corruption are in, as the views define them.
UNITS = {
    "sd": "SDs of the training data",
    "gaussian_blur.sd": "pixels",
    "shift": "SDs of the training data",
    "factor": "of the image's own",
    "share": "of the side",
}


def environments_section(summary: Summary) -> Section:
    """The users' formula over environments, drawn and in figures."""
    images = (plot_environments(summary, pair.pair, index) for index, pair in enumerate(summary.pairs))
    return Section(
        "environments",
        "Stability across environments",
        "How much of the test split is predicted right in every environment: the samples that are right as they are "
        "and under each corruption, over all samples. Darker cells lost more against the clean images.",
        tuple(image for image in images if image),
        (stable_table(summary), environment_table(summary), unevaluated_table(summary)),
    )


def stable_table(summary: Summary) -> Table:
    """One row per model and loss: the share that stays right."""
    columns = (
        Column("Model and loss", numeric=False),
        Column(
            "Right everywhere", "% of test", "in every environment, the clean one included; 95 % Student-t interval"
        ),
        Column("Against the student alone", "points", "paired by seed, with its 95 % interval"),
        Column("Clean", "% of test", "top-1 on the test split as it is"),
        Column("Hardest", "% of test", "the environment of the lowest mean"),
    )
    rows = tuple(_stable_row(summary, row) for row in summary.environments)
    return Table("environments", "Right in every environment", columns, rows, _severities(summary))


def _stable_row(summary: Summary, row: EnvironmentRow) -> tuple[Cell, ...]:
    name, worst = min(row.top1.items(), key=lambda item: item[1].mean, default=("", None))
    return (
        model_cell(summary, row),
        estimate_cell(row.stable, f.percent, f.percent_interval),
        gain_cell(row.against_alone),
        Cell(f.percent(row.clean.mean), sort=row.clean.mean),
        Cell(f.percent(worst.mean), name, worst.mean) if worst else Cell(f.NONE),
    )


def evaluated(summary: Summary) -> tuple[str, ...]:
    """The environments that any model was evaluated in, in the suite's order."""
    return tuple(
        e.label for e in summary.suite.environments if any(e.label in row.top1 for row in summary.environments)
    )


def _severities(summary: Summary) -> tuple[str, ...]:
    """What each environment does, and how strongly."""
    found = []
    for environment in summary.suite.environments:
        use = environment.use
        named = environment.label if environment.label == use else f"{environment.label} ({use.replace('_', ' ')})"
        options = ", ".join(_option(use, name, value) for name, value in environment.options.items())
        found.append(f"{named} {options}".strip())
    return (f"Severities: {'; '.join(found)}.",) if found else ()


def _option(use: str, name: str, value: JsonValue) -> str:
    """'sd 0.75 pixels', 'degrees 15'."""
    plain = f"{value:g}" if isinstance(value, float) else str(value)
    return f"{name} {plain} {UNITS.get(f'{use}.{name}', UNITS.get(name, ''))}".strip()


def environment_table(summary: Summary) -> Table:
    """Top-1 of every model in every environment."""
    names = evaluated(summary)
    columns = (Column("Model and loss", numeric=False), *(Column(name, "% of test") for name in names))
    rows = tuple(
        (
            model_cell(summary, row),
            *(estimate_cell(row.top1.get(name), f.percent, f.percent_interval) for name in names),
        )
        for row in summary.environments
    )
    note = "Top-1 over seeds with its 95 % Student-t interval. All models see the very same corrupted images."
    return Table("each-environment", "Top-1 in each environment", columns, rows, (note,), folded=True)


def unevaluated_table(summary: Summary) -> Table:
    """Environments that were asked for and have no figure of some model."""
    columns = (
        Column("Environment", numeric=False),
        Column("Without a figure", "models trained"),
        Column("Why", numeric=False),
    )
    models = sum(len(row.seeds) for row in summary.models)
    names = evaluated(summary)
    rows = []
    for environment in summary.suite.environments:
        name = environment.label
        lacking = sum(row.lacking.get(name, 0) for row in summary.environments) if name in names else models
        if lacking:
            why = (
                "no record; see what was not done as asked"
                if summary.notes
                else "the run holds neither record nor reason"
            )
            rows.append((Cell(name), Cell(f"{lacking} of {models}", sort=lacking), Cell(why)))
    note = "An environment without any figure is not part of 'every environment'; a model that lacks one has no share."
    return Table("unevaluated", "Environments without figures", columns, tuple(rows), (note,))
