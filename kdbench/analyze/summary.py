"""From the records of a run to the figures of its report: pure, and nothing that was asked for goes missing."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from kdbench.analyze.deployment.architectures import check_noise, check_ties, choose_reference, describe_deployed
from kdbench.analyze.deployment.variants import variant_rows
from kdbench.analyze.models.conditions import environment_rows
from kdbench.analyze.models.front import Front, fronts
from kdbench.analyze.models.learning import learning_rows
from kdbench.analyze.models.metrics import metric_rows
from kdbench.analyze.models.pairs import Done, Timed, loss_alone, summarize_pair, teacher_of_seed
from kdbench.analyze.models.pooled_gain import pooled_gains
from kdbench.analyze.models.rows import PairSummary, ReferenceTiming, Role, Status, Summary, Trouble
from kdbench.analyze.provenance import find_elsewhere
from kdbench.results import ResultSet
from kdbench.spec import Entry
from kdbench.statistics.ratios import RatioEstimate


def summarize(results: ResultSet) -> Summary:
    """All figures of one run: rows by pair and loss, deployed models, and every row without a result."""
    suite, run = results.suite, results.run
    done = [(entry, results.trials[entry.key]) for entry in run.entries if entry.key in results.trials]
    deployed = describe_deployed(done, results)
    reference = choose_reference(deployed)
    timed = Timed(reference, {model.architecture: model for model in deployed})
    unplaced = [summarize_pair(pair.label, suite, done, timed) for pair in suite.pairs]
    classes = done[0][1].classes if done else None
    found = fronts(unplaced, reference, 1 / classes if classes else None)
    pairs = _place(unplaced, found, reference)
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
        pairs=pairs,
        deployed=deployed,
        variants=variant_rows(done, results.variants, loss_alone(suite), _slowdowns(done, results, reference)),
        environments=environment_rows(
            pairs, results.trials, results.environments, [environment.label for environment in suite.environments]
        ),
        metrics=metric_rows(pairs, results.metrics, [metric.label for metric in suite.metrics]),
        learning=learning_rows(pairs, results.trials, partial(teacher_of_seed, suite)),
        fronts=found,
        pooled=pooled_gains([(row.loss, row.gain) for pair in pairs for row in pair.students]),
        noise=check_noise(results.latencies, suite.latency.margin),
        ties=check_ties(results.latencies, files, suite.latency.margin),
        trouble=tuple(_trouble(entry, results) for entry in run.entries if entry.key not in results.trials),
        notes=run.notes,
        layouts=run.layouts,
        reference=reference,
        teacher_seeds=suite.teacher_seeds,
        classes=classes,
        test_samples=any_record.test.samples if any_record else None,
        input_shape=any_record.input_shape if any_record else (),
    )


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


def _place(
    pairs: Sequence[PairSummary], found: Sequence[Front], reference: ReferenceTiming | None
) -> tuple[PairSummary, ...]:
    """Each model with its probability of being on the front by latency, or by FLOPs where some model has none."""
    by = "latency" if reference else "FLOPs"
    shares = next((front.probability for front in found if front.by == by), {})
    return tuple(
        replace(
            pair,
            teacher=replace(pair.teacher, front=shares.get(pair.teacher.name, 0.0)) if pair.teacher else None,
            students=tuple(replace(row, front=shares.get(row.name, 0.0)) for row in pair.students),
        )
        for pair in pairs
    )


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
