"""Every trained model: a table of all of them, and for each a panel with its curve, costs, files and record."""

from dataclasses import dataclass

from kdbench.analyze import ModelRow, Summary
from kdbench.analyze.models.rows import SeedResult
from kdbench.analyze.models.trained import TrainedModel
from kdbench.report.protocol import Facts
from kdbench.report.writing import formats as f
from kdbench.report.writing.tables import Cell, Column, Name, Table
from kdbench.results import CurvePoint

WIDTH, HEIGHT = 240, 48
POINTS = 60  # of a curve: more could not be told apart


@dataclass(frozen=True)
class Panel:
    """One trained model of a page, at `#trial-<key>`."""

    key: str
    of: Name
    title: str
    curve: str  # the points of a polyline, WIDTH x HEIGHT
    deployed: str  # the point of the epoch whose weights are deployed
    facts: Facts


def trial_links(summary: Summary) -> dict[Name, str]:
    """The trial that stands for each row: of its seeds the best on validation."""
    return {row.name: max(row.seeds, key=lambda seed: seed.validation_top1).key for row in summary.models}


def panels(summary: Summary) -> tuple[Panel, ...]:
    """A panel per trial; one that several rows share stands under the first of them."""
    found: dict[str, Panel] = {}
    for row in summary.models:
        for seed in row.seeds:
            if seed.key not in found:
                found[seed.key] = _panel(row, seed, summary.trained_models[seed.key])
    return tuple(found.values())


def _panel(row: ModelRow, seed: SeedResult, trial: TrainedModel) -> Panel:
    files = (f"{file.label} {f.byte_size(file.size)} (SHA-256 {file.sha256})" for file in trial.files)
    folders = (f"artifacts/{file.key}/" for file in trial.files)
    facts = (
        ("Accuracy", f"test {f.percent(seed.top1)}, validation {f.percent(seed.validation_top1)}"),
        ("Curve", _curve_text(trial)),
        ("Cost", _cost(trial)),
        ("Files", "; ".join(files) or "none"),
        ("Record", ", ".join((f"trials/{trial.key}/", *folders))),
    )
    title = f"{_model(row)}, seed {seed.seed}, pair {row.pair}"
    line, dot = curve_points(trial.curve, trial.selected_epoch)
    return Panel(trial.key, row.name, title, line, dot, facts)


def _curve_text(trial: TrainedModel) -> str:
    """Where the curve begins and ends, and which epoch is deployed."""
    first, last = trial.curve[0], trial.curve[-1]
    return (
        f"validation {f.percent(first.validation_top1)} at epoch {first.epoch}, {f.percent(last.validation_top1)} at "
        f"epoch {last.epoch}; epoch {trial.selected_epoch} is deployed"
    )


def _cost(trial: TrainedModel) -> str:
    """Seconds alone and shared, the parts of the first, and where."""
    cost = trial.training
    parts = (
        ("updates", cost.step_seconds),
        ("validation", cost.evaluation_seconds),
        ("data", cost.data_seconds),
        ("teacher", cost.teacher_seconds_alone),
    )
    return (
        f"{f.seconds(trial.alone_seconds)} alone, {f.seconds(trial.shared_seconds)} as it was trained here "
        f"(its last training alone: {', '.join(f'{name} {f.seconds(time)}' for name, time in parts if time)}); "
        f"{cost.steps:,} steps on {cost.device}, {f.several(cost.threads, 'thread')}, "
        f"{f.byte_size(cost.peak_memory_bytes)} of memory at most; finished {trial.finished}"
    )


def curve_points(curve: tuple[CurvePoint, ...], deployed: int) -> tuple[str, str]:
    """Validation top-1 by epoch from corner to corner in SVG's coordinates, and the point of the deployed epoch."""
    every = -(-len(curve) // POINTS)
    shown = [
        point for at, point in enumerate(curve) if at % every == 0 or point is curve[-1] or point.epoch == deployed
    ]
    heights = [point.validation_top1 for point in shown]
    first, across = shown[0].epoch, (shown[-1].epoch - shown[0].epoch) or 1
    low, room = min(heights), (max(heights) - min(heights)) or 1.0
    placed = {
        point.epoch: f"{WIDTH * (point.epoch - first) / across:.0f},"
        f"{HEIGHT * (1 - (point.validation_top1 - low) / room):.1f}"
        for point in shown
    }
    return " ".join(placed.values()), placed[deployed]


def seeds_table(summary: Summary) -> Table:
    """Every trained model with its figures, from which the means are computed."""
    columns = (
        Column("Model and loss", numeric=False),
        Column("Seed"),
        Column("Top-1", "% of test"),
        Column("Validation", "%", "at the deployed epoch"),
        Column("Deployed epoch", "of trained"),
        Column("Parity flips", "of samples", "top-1 that differs between torch and ONNX Runtime", least=True),
        Column("Pair", numeric=False),
        Column("Key", "", "folder under results/trials", numeric=False),
    )
    rows = tuple(
        (
            Cell(_model(row), of=row.name, trial=seed.key),
            Cell(str(seed.seed), sort=seed.seed),
            Cell(f.percent(seed.top1), sort=seed.top1),
            Cell(f.percent(seed.validation_top1), sort=seed.validation_top1),
            Cell(f"{seed.selected_epoch} of {seed.epochs}", sort=seed.selected_epoch),
            Cell(f"{seed.flips} of {seed.parity_samples}", sort=seed.flips),
            Cell(row.pair),
            Cell(seed.key),
        )
        for row in summary.models
        for seed in row.seeds
    )
    return Table("seeds", "Every trained model", columns, rows)


def _model(row: ModelRow) -> str:
    return f"{row.model}: {'teacher' if row.role == 'teacher' else row.row}"
