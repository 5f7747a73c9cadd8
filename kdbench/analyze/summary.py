"""From the records of a run to the figures of its report; what has no result is listed with its reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from pydantic import JsonValue

from kdbench.analyze.comparisons.across import AcrossRow, across_rows
from kdbench.analyze.comparisons.sweeps import Sweep, find_sweeps
from kdbench.analyze.comparisons.tuning import TunedPair, tuned_pairs
from kdbench.analyze.deployment.architectures import (
    Deployed,
    ReferenceTiming,
    choose_reference,
    describe_deployed,
)
from kdbench.analyze.deployment.noise import NoiseCheck, TieCheck, check_noise, check_ties
from kdbench.analyze.models.conditions import ConditionRow, condition_rows
from kdbench.analyze.models.front import Front, fronts
from kdbench.analyze.models.learning import LearningRow, learning_rows
from kdbench.analyze.models.metrics import MetricRow, metric_rows
from kdbench.analyze.models.pairs import PairSummary, summarize_pair, teacher_of_seed
from kdbench.analyze.models.rows import ModelRow, StudentRow, Timed
from kdbench.analyze.models.trained import TrainedModel, trained_models
from kdbench.analyze.models.variants import VariantRow, variant_rows
from kdbench.analyze.provenance import Elsewhere, find_elsewhere
from kdbench.analyze.teaching.assistants import AssistedRow, assisted_rows
from kdbench.analyze.teaching.attacks import AttackRow, attack_rows
from kdbench.analyze.teaching.ensembles import Team, teams
from kdbench.analyze.teaching.federated import FederatedRow, federated_rows
from kdbench.analyze.teaching.readings import ReadingRow, reading_rows
from kdbench.analyze.teaching.scarce import ScarceCurve, scarce_curves
from kdbench.analyze.teaching.severities import SeverityRow, severity_rows
from kdbench.analyze.teaching.stages import StageRow, stage_rows
from kdbench.analyze.teaching.steps import StepRow, step_rows
from kdbench.analyze.teaching.streams import StreamRow, stream_rows
from kdbench.analyze.teaching.tasks import TaskRow, task_rows
from kdbench.analyze.teaching.together import HeadRow, head_rows
from kdbench.results import Layout, ResultSet
from kdbench.spec import Entry, Suite
from kdbench.spec.planning.entry import REPORTED, Role

Status = Literal["failed", "skipped", "missing"]


@dataclass(frozen=True)
class Trouble:
    """A row of the suite that has no result, and why."""

    pair: str
    role: Role
    model: str
    row: str
    seed: int
    status: Status
    reason: str


@dataclass(frozen=True)
class Summary:
    """All figures of one run of a suite."""

    suite: Suite
    run_id: str
    command: str  # the line that asked for the run; empty where none was recorded
    started: str
    seconds: float
    trials: int  # of the suite, each once, whatever they are there for: as many as `kdbench plan` counts
    trained: int  # of them, in this run; the others were in the store before
    reused: int  # done before this run
    entries: int  # of the suite's rows, one for each seed
    machine: Mapping[str, JsonValue]  # facts of the machine, of the run
    elsewhere: tuple[Elsewhere, ...]  # records taken on other machines, with other versions or another kdbench
    pairs: tuple[PairSummary, ...]
    trained_models: Mapping[str, TrainedModel]  # by key
    deployed: tuple[Deployed, ...]
    variants: tuple[VariantRow, ...]
    conditions: tuple[ConditionRow, ...]  # empty where none was evaluated
    attacks: tuple[AttackRow, ...]  # empty where none was evaluated
    streams: tuple[StreamRow, ...]  # of rows whose student learns tasks in turn
    tasks: tuple[TaskRow, ...]  # of rows whose student has a head a task
    metrics: tuple[MetricRow, ...]  # empty where none was asked for
    learning: tuple[LearningRow, ...]
    heads: tuple[HeadRow, ...]  # of students that are trained together
    readings: tuple[ReadingRow, ...]  # of losses that tell figures of themselves
    teams: tuple[Team, ...]  # teachers whose ensemble was asked for
    assisted: tuple[AssistedRow, ...]  # through assistants
    generations: tuple[StageRow, ...]
    federated: tuple[FederatedRow, ...]
    fronts: tuple[Front, ...]
    across: tuple[AcrossRow, ...]  # of suites with several pairs
    noise: tuple[NoiseCheck, ...]
    ties: tuple[TieCheck, ...]
    tuned: tuple[TunedPair, ...]  # empty where nothing was tuned
    sweeps: tuple[Sweep, ...]
    scarce: tuple[ScarceCurve, ...]  # of students that were given few samples
    severities: tuple[SeverityRow, ...]  # of corruptions that were evaluated in several strengths
    steps: tuple[StepRow, ...]  # of ways of teaching that have any
    trouble: tuple[Trouble, ...]
    notes: tuple[str, ...]  # what this run could not do as asked
    lost: str  # which of its records are missing now, and how to get them back; empty where none is
    layouts: tuple[Layout, ...]  # processes times threads of each wave that was trained in this run
    reference: ReferenceTiming | None  # None where some model has no latency: FLOPs are used instead
    teacher_seeds: int  # teachers behind each pair; with one, intervals hold for that teacher alone
    classes: int | None
    chance: float | None  # top-1 without looking: see `TrialResult.chance`
    test_samples: int | None
    input_shape: tuple[int, ...]

    @property
    def largest_class(self) -> float | None:
        """Its share of the test samples, where that is clearly more than other classes have: it is chance then.

        Clearly is by 5 points or by half of the mean class, whichever is less.
        """
        if self.chance is None or self.classes is None:
            return None
        return self.chance if self.chance > 1 / self.classes + min(0.05, 0.5 / self.classes) else None

    @property
    def students(self) -> tuple[StudentRow, ...]:
        """Pair by pair, without rows of the same trials."""
        return tuple(row for pair in self.pairs for row in pair.distinct)

    def variants_of(self, row: ModelRow) -> tuple[VariantRow, ...]:
        """The variants of a row, as the suite lists them."""
        return tuple(each for each in self.variants if (each.pair, each.role, each.row) == row.name)

    @property
    def models(self) -> tuple[ModelRow, ...]:
        """Teachers and students, pair by pair."""
        return tuple(row for pair in self.pairs for row in pair.models)


def summarize(results: ResultSet) -> Summary:
    """All figures of one run: rows by pair and loss, deployed models, and every row without a result."""
    suite, run = results.suite, results.run
    rows = [entry for entry in run.entries if entry.role in REPORTED]
    done = results.done
    deployed = describe_deployed((*done, *results.beside), results)
    reference = choose_reference(deployed)
    timed = Timed(reference, {model.architecture: model for model in deployed})
    unplaced = [summarize_pair(pair.label, suite, done, results.confirmations, timed) for pair in suite.pairs]
    any_record = done[0][1] if done else None
    chance = any_record.chance if any_record else None
    found = fronts(unplaced, reference, chance)
    pairs = _place(unplaced, found, reference)
    unique = {entry.key: record for entry, record in done}
    files = {record.model.onnx_sha256: entry for entry, record in reversed(done)}
    return Summary(
        suite=suite,
        run_id=run.run_id,
        command=run.command,
        started=run.started,
        seconds=run.seconds,
        trials=len(run.outcomes),
        trained=len(run.trained),
        reused=len({key for key, outcome in run.outcomes.items() if outcome.status == "done"} - set(run.trained)),
        entries=len(rows),
        machine=run.machine,
        elsewhere=find_elsewhere(run.machine, unique.values(), results.latencies),
        pairs=pairs,
        trained_models=trained_models(results),
        deployed=deployed,
        variants=variant_rows(pairs, results, reference),
        conditions=condition_rows(pairs, results),
        attacks=attack_rows(pairs, results),
        streams=stream_rows(pairs, results),
        tasks=task_rows(pairs, results),
        metrics=metric_rows(pairs, results),
        learning=learning_rows(pairs, results.trials, partial(teacher_of_seed, suite)),
        heads=head_rows(pairs, results),
        readings=reading_rows(pairs, results.trials),
        teams=teams(results, timed),
        assisted=assisted_rows(pairs, suite),
        generations=stage_rows(pairs, results, timed, "generations"),
        federated=federated_rows(pairs, results, timed),
        fronts=found,
        across=across_rows([(suite, pair) for pair in pairs]),
        noise=check_noise(results.latencies, suite.latency.margin),
        ties=check_ties(results.latencies, files, suite.latency.margin),
        tuned=tuned_pairs(pairs, results),
        sweeps=find_sweeps(pairs),
        scarce=scarce_curves(pairs, suite, results.trials),
        severities=severity_rows(pairs, results),
        steps=step_rows(results),
        trouble=tuple(_trouble(entry, results) for entry in run.entries if _has_no_result(entry, results)),
        notes=run.notes,
        lost=results.lost_told,
        layouts=run.layouts,
        reference=reference,
        teacher_seeds=suite.teacher_seeds,
        classes=any_record.classes if any_record else None,
        chance=chance,
        test_samples=any_record.test.samples if any_record else None,
        input_shape=any_record.record.input_shape if any_record else (),
    )


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


def _has_no_result(entry: Entry, results: ResultSet) -> bool:
    """Steps and variants need no result of their own; one that failed is told all the same. A try may fail."""
    if entry.role == "try":
        return False
    if entry.role in ("step", "stage", "variant"):
        outcome = results.run.outcomes.get(entry.key)
        return outcome is not None and outcome.status != "done"
    return entry.key not in results.trials


def _trouble(entry: Entry, results: ResultSet) -> Trouble:
    outcome = results.run.outcomes.get(entry.key)
    status: Status = "missing"
    reason = "the run ended before this trial"
    if outcome and outcome.status != "done":
        status, reason = outcome.status, outcome.reason or "no reason was recorded"
    elif outcome:
        reason = "the run lists it as done, but its record is not in the results folder"
    role: Role = entry.role
    row = entry.title if role == "variant" else entry.row
    return Trouble(entry.pair, role, entry.model, row, entry.seed, status, reason)
