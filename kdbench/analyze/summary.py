"""From the records of a run to the figures of its report: pure, and nothing that was asked for goes missing."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from kdbench.analyze.curves import fit_line, mean_curve
from kdbench.analyze.deployed import check_noise, check_ties, choose_reference, describe_deployed
from kdbench.analyze.efficiency import compute_efficiency, ranks, training_figures
from kdbench.analyze.elsewhere import find_elsewhere
from kdbench.analyze.latency import RatioEstimate
from kdbench.analyze.pareto import nondominated
from kdbench.analyze.rows import (
    ModelRow,
    PairSummary,
    ReferenceTiming,
    Role,
    SeedResult,
    Status,
    StudentRow,
    Summary,
    Trouble,
)
from kdbench.analyze.statistics import estimate, holm, paired_difference
from kdbench.analyze.variants import variant_rows
from kdbench.results import ResultSet, TrialRecord
from kdbench.spec import Entry, Suite
from kdbench.spec.plan import ALONE

Done = tuple[Entry, TrialRecord]


def summarize(results: ResultSet) -> Summary:
    """All figures of one run: rows by pair and loss, deployed models, and every row without a result."""
    suite, run = results.suite, results.run
    done = [(entry, results.trials[entry.key]) for entry in run.entries if entry.key in results.trials]
    deployed = describe_deployed(done, results)
    reference = choose_reference(deployed)
    pairs = _mark_pareto([_summarize_pair(pair.label, suite, done, reference) for pair in suite.pairs], reference)
    unique = {entry.key: record for entry, record in done}
    files = {record.model.onnx_sha256: entry for entry, record in reversed(done)}
    any_record = done[0][1] if done else None
    return Summary(
        suite=suite,
        run_id=run.run_id,
        command=run.command,
        started=run.started,
        seconds=run.seconds,
        trained=len(run.trained),
        entries=len(run.entries),
        environment=run.environment,
        elsewhere=find_elsewhere(run.environment, unique.values(), results.latencies),
        pairs=tuple(pairs),
        deployed=deployed,
        variants=variant_rows(done, results.variants, _alone(suite), _slowdowns(done, results, reference)),
        noise=check_noise(results.latencies, suite.latency.margin),
        ties=check_ties(results.latencies, files, suite.latency.margin),
        trouble=tuple(_trouble(entry, results) for entry in run.entries if entry.key not in results.trials),
        notes=run.notes,
        layouts=run.layouts,
        reference=reference,
        teacher_seeds=suite.teacher_seeds,
        classes=any_record.classes if any_record else None,
        test_samples=any_record.test.samples if any_record else None,
        input_shape=any_record.input_shape if any_record else (),
    )


def validation_at_selection(record: TrialRecord) -> float:
    """Validation top-1 at the epoch whose weights are deployed."""
    return next(point.validation_top1 for point in record.curve if point.epoch == record.selected_epoch)


def _summarize_pair(pair: str, suite: Suite, done: Sequence[Done], reference: ReferenceTiming | None) -> PairSummary:
    mine = [(entry, record) for entry, record in done if entry.pair == pair]
    taught = [(entry, record) for entry, record in mine if entry.role == "teacher"]
    teacher = ModelRow(**_model_figures(taught, reference)) if taught else None
    teacher_by_seed = {entry.seed: record.test.top1 for entry, record in taught}
    turns = _teacher_of_seed(suite, teacher_by_seed)
    groups = [[each for each in mine if each[0].role == "student" and each[0].loss == x.label] for x in suite.losses]
    rows = [_student_row(group, teacher, turns, reference) for group in groups if group]
    return PairSummary(pair, teacher, _rank_costs(_compare_with_alone(rows, _alone(suite))))


def _alone(suite: Suite) -> str | None:
    """The label of the loss that trains the student on labels alone."""
    return next((loss.label for loss in suite.losses if loss.use == ALONE.use), None)


def _slowdowns(
    done: Sequence[Done], results: ResultSet, reference: ReferenceTiming | None
) -> dict[str, RatioEstimate | None]:
    """How many times as long a variant takes as the exported model, by the variant's architecture."""
    exported = {entry.key: record.model.architecture for entry, record in done}
    return {
        made.model.architecture: reference.speedup(made.model.architecture, exported[made.trial])
        for made in results.variants
        if reference and made.trial in exported
    }


def _teacher_of_seed(suite: Suite, top1: Mapping[int, float]) -> dict[int, float]:
    """The accuracy of the teacher that each student seed learns from: student i from teacher i mod n, as planned."""
    turn = {seed: suite.seeds[index % suite.teacher_seeds] for index, seed in enumerate(suite.seeds)}
    return {seed: top1[teacher] for seed, teacher in turn.items() if teacher in top1}


def _model_figures(group: Sequence[Done], reference: ReferenceTiming | None) -> dict[str, Any]:
    """The fields of `ModelRow` for one model and loss over its seeds; `pareto` is found later, among all rows."""
    entry, first = group[0]
    records = [record for _, record in group]
    curve = mean_curve([record.curve for record in records])
    return {
        "pair": entry.pair,
        "role": entry.role,
        "model": entry.model,
        "loss": entry.loss,
        "architecture": first.model.architecture,
        "seeds": tuple(_seed_result(entry, record) for entry, record in group),
        "top1": estimate([record.test.top1 for record in records]),
        "validation": estimate([validation_at_selection(record) for record in records]),
        "parameters": first.model.parameters,
        "flops": first.model.flops,
        "onnx_bytes": first.model.onnx_bytes,
        "p50_microseconds": reference.p50.get(first.model.architecture) if reference else None,
        "efficiency": compute_efficiency(records),
        "training": training_figures(records),
        "curve": curve,
        "line": fit_line(curve.epochs, curve.mean) if curve else None,
        "pareto": False,
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
    teacher_of_seed: Mapping[int, float],
    reference: ReferenceTiming | None,
) -> StudentRow:
    figures = _model_figures(group, reference)
    kept = [s.top1 / teacher_of_seed[s.seed] for s in figures["seeds"] if teacher_of_seed.get(s.seed)]
    return StudentRow(
        **figures,
        alone=False,
        gain=None,
        holm_p=None,
        retention=estimate(kept).mean if kept else None,
        compression_parameters=_ratio(teacher.parameters, figures["parameters"]) if teacher else None,
        compression_bytes=_ratio(teacher.onnx_bytes, figures["onnx_bytes"]) if teacher else None,
        speedup=reference.speedup(teacher.architecture, figures["architecture"]) if reference and teacher else None,
        cost_rank=0,
        relative_cost=None,
    )


def _ratio(above: float, below: float) -> float | None:
    return above / below if below else None


def _compare_with_alone(rows: Sequence[StudentRow], label: str | None) -> tuple[StudentRow, ...]:
    """Each row with its gains over the student alone, and p-values that hold for all losses of the pair at once."""
    alone = next((row for row in rows if row.loss == label), None)
    if alone is None:
        return tuple(rows)
    others = [row for row in rows if row is not alone]
    gains = {row.loss: paired_difference(row.test_by_seed, alone.test_by_seed) for row in others}
    tested = {loss: gain.p_value for loss, gain in gains.items() if gain and gain.p_value is not None}
    adjusted = dict(zip(tested, holm(list(tested.values())), strict=True))
    return tuple(
        replace(row, alone=row is alone, gain=gains.get(row.loss), holm_p=adjusted.get(row.loss)) for row in rows
    )


def _rank_costs(rows: Sequence[StudentRow]) -> tuple[StudentRow, ...]:
    """Each row with its place by training cost, and how many times that of the student alone it costs."""
    costs = [row.training.alone_seconds for row in rows]
    alone = next((row.training.alone_seconds for row in rows if row.alone), 0.0)
    return tuple(
        replace(row, cost_rank=rank, relative_cost=_ratio(cost, alone))
        for row, cost, rank in zip(rows, costs, ranks(costs), strict=True)
    )


def _mark_pareto(pairs: Sequence[PairSummary], reference: ReferenceTiming | None) -> list[PairSummary]:
    """Flag the models that no other beats: by mean test accuracy, and by p50 where all have one, else FLOPs."""

    def cost(row: ModelRow) -> float:
        return reference.p50[row.architecture] if reference else float(row.flops)

    models = [row for pair in pairs for row in (*((pair.teacher,) if pair.teacher else ()), *pair.students)]
    flags = dict(zip(map(id, models), nondominated([(row.top1.mean, cost(row)) for row in models]), strict=True))
    return [
        PairSummary(
            pair.pair,
            replace(pair.teacher, pareto=flags[id(pair.teacher)]) if pair.teacher else None,
            tuple(replace(row, pareto=flags[id(row)]) for row in pair.students),
        )
        for pair in pairs
    ]


def _trouble(entry: Entry, results: ResultSet) -> Trouble:
    outcome = results.run.outcomes.get(entry.key)
    status: Status = "missing"
    reason = "the run ended before this trial"
    if outcome and outcome.status != "done":
        status, reason = outcome.status, outcome.reason or "no reason was recorded"
    elif outcome:
        reason = "the run says done, but its record is not in the results folder"
    role: Role = entry.role
    return Trouble(entry.pair, role, entry.model, entry.loss, entry.seed, status, reason)
