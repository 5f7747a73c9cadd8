"""Pareto fronts of a run's models by each cost: the probability of being on it, and each pair's hypervolume."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from kdbench.analyze.deployment.architectures import ReferenceTiming
from kdbench.analyze.models.pairs import PairSummary
from kdbench.analyze.models.rows import ModelRow
from kdbench.statistics.intervals import Interval
from kdbench.statistics.pareto import Cost, front_probability, hypervolume

By = Literal["latency", "FLOPs", "parameters", "bytes"]
COSTS: tuple[By, ...] = ("latency", "FLOPs", "parameters", "bytes")


@dataclass(frozen=True)
class Hypervolume:
    """The area that a pair's students dominate by their means, above chance and below the teacher's cost."""

    students: float  # accuracy x decades of cost
    alone: float | None  # the student alone, at all its budgets


@dataclass(frozen=True)
class Front:
    """The front over test accuracy and one cost, among all models of the run."""

    by: By
    probability: Mapping[tuple[str, str, str], float]  # by `ModelRow.name`
    hypervolume: Mapping[str, Hypervolume]  # by pair, of those that have a teacher


def fronts(pairs: Sequence[PairSummary], reference: ReferenceTiming | None, chance: float | None) -> tuple[Front, ...]:
    """One front per cost that every model has; latency is the paired ratio to the reference network."""
    models = [row for pair in pairs for row in pair.models]
    found = []
    for by in COSTS:
        costs = {row.name: cost for row in models if (cost := cost_of(row, by, reference))}
        if models and len(costs) == len(models):
            shares = front_probability([row.test_by_seed for row in models], [costs[row.name] for row in models])
            probability = {row.name: share for row, share in zip(models, shares, strict=True)}
            volumes = {pair.pair: _hypervolume(pair, costs, chance) for pair in pairs if pair.teacher and pair.students}
            known = {name: volume for name, volume in volumes.items() if volume}
            found.append(Front(by, probability, known))
    return tuple(found)


def cost_of(row: ModelRow, by: By, reference: ReferenceTiming | None) -> Cost | None:
    """The cost of a model; None where it has no latency, or where it is 0 and has no logarithm."""
    if by == "latency":
        return latency_cost(reference, row.architecture) if reference else None
    value = {"FLOPs": row.flops, "parameters": row.parameters, "bytes": row.onnx_bytes}[by]
    return Cost(float(value), row.architecture) if value > 0 else None


def latency_cost(reference: ReferenceTiming, architecture: str) -> Cost | None:
    """Microseconds of the reference network times the ratio to it, with the interval of the ratio."""
    scaled, ratio = reference.scaled(architecture), reference.ratio.get(architecture)
    if scaled is None or ratio is None:
        return None if scaled is None else Cost(scaled, architecture)
    base = scaled / ratio.estimate
    return Cost(scaled, architecture, Interval(base * ratio.low, base * ratio.high))


def _hypervolume(
    pair: PairSummary, costs: Mapping[tuple[str, str, str], Cost], chance: float | None
) -> Hypervolume | None:
    if pair.teacher is None or chance is None:
        return None
    corner = (chance, costs[pair.teacher.name].value)
    points = {row.name: (row.top1.mean, costs[row.name].value) for row in pair.distinct}
    lone = [points[row.name] for row in pair.distinct if row.alone]
    alone = hypervolume(lone, corner) if lone else None
    return Hypervolume(hypervolume(list(points.values()), corner), alone)
