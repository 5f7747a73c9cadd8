"""The rows of one pair: its teacher and its students, over their seeds, against each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kdbench.analyze.deployment.rows import Deployed, ReferenceTiming
from kdbench.analyze.models.cost import compute_efficiency, ranks, training_figures
from kdbench.analyze.models.curves import by_epoch
from kdbench.analyze.models.predictions import agreement_figures, calibration_figures
from kdbench.analyze.models.rows import ModelRow, PairSummary, SeedResult, StudentRow
from kdbench.results import TrialRecord
from kdbench.spec import Entry, Suite
from kdbench.spec.plan import ALONE
from kdbench.statistics.curves import fit_line, mean_curve
from kdbench.statistics.gap import gap_closed, retention
from kdbench.statistics.paired import estimate, holm, paired_difference
from kdbench.statistics.spread import brown_forsythe, stability

Done = tuple[Entry, TrialRecord]


@dataclass(frozen=True)
class Timed:
    """What the rows take over from the deployed architectures."""

    reference: ReferenceTiming | None
    deployed: Mapping[str, Deployed]  # by architecture


def validation_at_selection(record: TrialRecord) -> float:
    """Validation top-1 at the epoch whose weights are deployed."""
    return next(point.validation_top1 for point in record.curve if point.epoch == record.selected_epoch)


def summarize_pair(pair: str, suite: Suite, done: Sequence[Done], timed: Timed) -> PairSummary:
    """One row per loss with a result, in the order of the suite; `front` is found later, among all rows."""
    mine = [(entry, record) for entry, record in done if entry.pair == pair]
    taught = [(entry, record) for entry, record in mine if entry.role == "teacher"]
    teacher = ModelRow(**_model_figures(taught, timed)) if taught else None
    teacher_by_seed = {entry.seed: record.test.top1 for entry, record in taught}
    turns = teacher_of_seed(suite, teacher_by_seed)
    groups = [[each for each in mine if each[0].role == "student" and each[0].loss == x.label] for x in suite.losses]
    rows = [_student_row(group, teacher, turns, timed) for group in groups if group]
    students = _rank_costs(_compare_with_alone(rows, turns, loss_alone(suite)))
    return PairSummary(pair, teacher, students, brown_forsythe([row.top1.values for row in students]))


def loss_alone(suite: Suite) -> str | None:
    """The label of the loss that trains the student on labels alone."""
    return next((loss.label for loss in suite.losses if loss.use == ALONE.use), None)


def teacher_of_seed(suite: Suite, top1: Mapping[int, float]) -> dict[int, float]:
    """What the teacher has that each student seed learns from, such as top-1: student i's is i mod n, as planned."""
    turn = {seed: suite.seeds[index % suite.teacher_seeds] for index, seed in enumerate(suite.seeds)}
    return {seed: top1[teacher] for seed, teacher in turn.items() if teacher in top1}


def _model_figures(group: Sequence[Done], timed: Timed) -> dict[str, Any]:
    """The fields of `ModelRow` for one model and loss over its seeds."""
    entry, first = group[0]
    records = [record for _, record in group]
    architecture, reference = first.model.architecture, timed.reference
    top1 = [record.test.top1 for record in records]
    curve = mean_curve([by_epoch(record.curve) for record in records])
    return {
        "pair": entry.pair,
        "role": entry.role,
        "model": entry.model,
        "loss": entry.loss,
        "architecture": architecture,
        "seeds": tuple(_seed_result(entry, record) for entry, record in group),
        "top1": estimate(top1),
        "validation": estimate([validation_at_selection(record) for record in records]),
        "parameters": first.model.parameters,
        "flops": first.model.flops,
        "onnx_bytes": first.model.onnx_bytes,
        "p50_microseconds": reference.p50.get(architecture) if reference else None,
        "efficiency": compute_efficiency(records, timed.deployed.get(architecture), reference),
        "training": training_figures(records),
        "curve": curve,
        "line": fit_line(curve.epochs, curve.mean) if curve else None,
        "stability": stability(top1, 1 / first.classes if first.classes else None),
        "calibration": calibration_figures(records),
        "agreement": agreement_figures(records),
        "front": 0.0,
    }


def _seed_result(entry: Entry, record: TrialRecord) -> SeedResult:
    return SeedResult(
        seed=entry.seed,
        key=entry.key,
        top1=record.test.top1,
        validation_top1=validation_at_selection(record),
        selected_epoch=record.selected_epoch,
        epochs=record.curve[-1].epoch,
        flips=record.parity.flips,
        parity_samples=record.parity.samples,
    )


def _student_row(
    group: Sequence[Done],
    teacher: ModelRow | None,
    turns: Mapping[int, float],
    timed: Timed,
) -> StudentRow:
    figures, reference = _model_figures(group, timed), timed.reference
    kept = retention({seed.seed: seed.top1 for seed in figures["seeds"]}, turns)
    return StudentRow(
        **figures,
        alone=False,
        gain=None,
        holm_p=None,
        retention=kept.mean if kept else None,
        retention_interval=kept.interval if kept else None,
        gap=None,
        compression_parameters=_ratio(teacher.parameters, figures["parameters"]) if teacher else None,
        compression_bytes=_ratio(teacher.onnx_bytes, figures["onnx_bytes"]) if teacher else None,
        speedup=reference.speedup(teacher.architecture, figures["architecture"]) if reference and teacher else None,
        cost_rank=0,
        relative_cost=None,
    )


def _ratio(above: float, below: float) -> float | None:
    return above / below if below else None


def _compare_with_alone(
    rows: Sequence[StudentRow], turns: Mapping[int, float], label: str | None
) -> tuple[StudentRow, ...]:
    """Each row with its gains over the student alone, p-values that hold for all losses at once, and gaps closed."""
    alone = next((row for row in rows if row.loss == label), None)
    if alone is None:
        return tuple(rows)
    others = [row for row in rows if row is not alone]
    gains = {row.loss: paired_difference(row.test_by_seed, alone.test_by_seed) for row in others}
    tested = {loss: gain.p_value for loss, gain in gains.items() if gain and gain.p_value is not None}
    adjusted = dict(zip(tested, holm(list(tested.values())), strict=True))
    gaps = {row.loss: gap_closed(row.test_by_seed, alone.test_by_seed, turns) for row in others}
    return tuple(
        replace(
            row,
            alone=row is alone,
            gain=gains.get(row.loss),
            holm_p=adjusted.get(row.loss),
            gap=gaps.get(row.loss),
        )
        for row in rows
    )


def _rank_costs(rows: Sequence[StudentRow]) -> tuple[StudentRow, ...]:
    """Each row with its place by training cost, and how many times that of the student alone it costs."""
    costs = [row.training.alone_seconds for row in rows]
    alone = next((row.training.alone_seconds for row in rows if row.alone), 0.0)
    return tuple(
        replace(row, cost_rank=rank, relative_cost=_ratio(cost, alone))
        for row, cost, rank in zip(rows, costs, ranks(costs), strict=True)
    )
