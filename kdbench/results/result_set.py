"""The results of one run of a suite as one value."""

import gc
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from pydantic import JsonValue, ValidationError

from kdbench.results.keys import score_name, unnamed
from kdbench.results.lineage import earlier
from kdbench.results.predictions import Agreement, Predictions
from kdbench.results.records import (
    ArtifactRecord,
    CurvePoint,
    DriftFacts,
    EvaluationRecord,
    ModelFacts,
    ParityFacts,
    RunRecord,
    TrainingCost,
    TrialRecord,
)
from kdbench.results.runs.alone import with_alone
from kdbench.results.store import Store
from kdbench.results.stored import Stored
from kdbench.results.timings import LatencyRecord, ThroughputRecord
from kdbench.spec import Choice, Entry, Suite, Trial, UserError, content_key
from kdbench.spec.planning.entry import Role

S = TypeVar("S", bound=Stored)
LOST_NAMED = 3


@dataclass(frozen=True)
class ArtifactResult:
    """An exported file, and what it predicts of the clean test split."""

    artifact: ArtifactRecord
    clean: EvaluationRecord

    @property
    def key(self) -> str:
        return self.artifact.key

    @property
    def trial(self) -> str:
        """The key of its trial."""
        return self.artifact.trial

    @property
    def label(self) -> str:
        return self.artifact.label

    @property
    def drift(self) -> DriftFacts:
        """Of a variant."""
        assert self.artifact.drift, "a variant has been compared with the exported file"
        return self.artifact.drift

    @property
    def model(self) -> ModelFacts:
        return self.artifact.model

    @property
    def test(self) -> Predictions:
        return self.clean.predictions


@dataclass(frozen=True)
class TrialResult:
    """A trial that a report shows: how it was trained, its exported file, and what that predicts of clean samples."""

    record: TrialRecord
    exported: ArtifactResult
    earlier: tuple[TrainingCost, ...] = ()  # of the trials whose weights its training goes on from

    @property
    def key(self) -> str:
        return self.record.key

    @property
    def trial(self) -> Trial:
        return self.record.trial

    @property
    def curve(self) -> tuple[CurvePoint, ...]:
        return self.record.curve

    @property
    def training(self) -> TrainingCost:
        return self.record.training

    @property
    def alone_seconds(self) -> float:
        """What its weights cost alone and without a cache, from the first initial weights on."""
        return sum(cost.alone_seconds for cost in (self.training, *self.earlier))

    @property
    def shared_seconds(self) -> float:
        """What they cost in this run, likewise."""
        return sum(cost.shared_seconds for cost in (self.training, *self.earlier))

    @property
    def classes(self) -> int:
        return self.record.classes

    @property
    def chance(self) -> float:
        """Top-1 of the better of two who do not look: one guesses among the classes, one always says the largest."""
        return max(1 / self.classes, (self.test.most_common or 0) / self.test.samples)

    @property
    def machine(self) -> dict[str, JsonValue]:
        return self.record.machine

    @property
    def model(self) -> ModelFacts:
        return self.exported.model

    @property
    def parity(self) -> ParityFacts:
        assert self.exported.artifact.parity, "an exported file has been compared with torch"
        return self.exported.artifact.parity

    @property
    def test(self) -> Predictions:
        return self.exported.test

    @property
    def cpu_seconds(self) -> float:
        """Of one pass over the test split, over all threads."""
        assert self.exported.clean.cpu_seconds is not None, "the pass of an exported file over clean samples is timed"
        return self.exported.clean.cpu_seconds

    @property
    def agreement(self) -> Agreement | None:
        return self.exported.clean.agreement


@dataclass(frozen=True)
class ResultSet:
    """One run of a suite with all that was recorded for its rows, by key."""

    run: RunRecord
    records: Mapping[str, TrialRecord]  # of all trials that are done, steps included
    artifacts: Mapping[str, ArtifactRecord]
    evaluations: Mapping[str, EvaluationRecord]
    latencies: tuple[LatencyRecord, ...] = ()  # of the architectures of the run, on its machine
    throughputs: tuple[ThroughputRecord, ...] = ()  # likewise
    lost: tuple[str, ...] = ()  # records that the run lists and the results folder lacks: 'trials/830d..'

    @cached_property
    def suite(self) -> Suite:
        """The resolved suite. Raises `UserError` where this kdbench cannot read it."""
        try:
            return Suite.model_validate(self.run.suite)
        except ValidationError as error:
            text = f"the run {self.run.run_id} of suite '{self.run.name}' is of another version of kdbench"
            raise UserError(text, help=f"run it again: {self.run.again}") from error

    @property
    def lost_told(self) -> str:
        """Which records are lost, and how to get them back; empty where none is."""
        if not self.lost:
            return ""
        more = f" and {len(self.lost) - LOST_NAMED} more" if len(self.lost) > LOST_NAMED else ""
        return (
            f"Records of this run are missing in the results folder: {', '.join(self.lost[:LOST_NAMED])}{more}. "
            f"Figures and verdicts do without them; to make them anew: {self.run.again}"
        )

    @cached_property
    def trials(self) -> Mapping[str, TrialResult]:
        """The trials that have an exported file with its evaluation: none that failed, was skipped or is a step."""
        exported = {found.trial: found for found in self._results if found.artifact.parity}
        return {
            key: TrialResult(record, exported[key], earlier(record, self.records.get))
            for key, record in self.records.items()
            if key in exported
        }

    @cached_property
    def done(self) -> tuple[tuple[Entry, TrialResult], ...]:
        """The entries of the suite's rows that have a result, with it: of teachers and students alone."""
        return self._with_result("teacher", "student")

    @cached_property
    def confirmations(self) -> tuple[tuple[Entry, TrialResult], ...]:
        """The entries at seeds that took no part in choosing a candidate, with their results."""
        return self._with_result("confirmation")

    @cached_property
    def beside(self) -> tuple[tuple[Entry, TrialResult], ...]:
        """The entries of what is reported beside rows, with their results: other teachers, and ensembles."""
        return self._with_result("member", "ensemble")

    def _with_result(self, *roles: Role) -> tuple[tuple[Entry, TrialResult], ...]:
        entries = (entry for entry in self.run.entries if entry.role in roles)
        return tuple((entry, self.trials[entry.key]) for entry in entries if entry.key in self.trials)

    @property
    def variants(self) -> tuple[ArtifactResult, ...]:
        """The artifacts made from exported files of `trials`, variant by variant as the suite lists them."""
        place = {variant.label: number for number, variant in enumerate(self.suite.variants)}
        found = [each for each in self._results if each.artifact.drift and each.trial in self.trials]
        return tuple(sorted(found, key=lambda each: place.get(each.label, len(place))))

    @cached_property
    def _results(self) -> tuple[ArtifactResult, ...]:
        clean = ((artifact, self.evaluation(key)) for key, artifact in self.artifacts.items())
        return tuple(ArtifactResult(artifact, evaluation) for artifact, evaluation in clean if evaluation)

    @cached_property
    def _by_condition(self) -> Mapping[tuple[str, str], EvaluationRecord]:
        whole = (found for found in self.evaluations.values() if found.head is None)
        return {(found.artifact, content_key(found.condition)): found for found in whole}

    @cached_property
    def by_head(self) -> Mapping[str, Mapping[str, EvaluationRecord]]:
        """By trial and head: the clean test samples that have a label in the head, for exported files with several."""
        found: dict[str, dict[str, EvaluationRecord]] = {}
        for each in self.evaluations.values():
            if each.head and self.artifacts[each.artifact].parity:
                found.setdefault(each.trial, {})[each.head] = each
        return found

    def evaluation(self, artifact: str, condition: Choice | None = None) -> EvaluationRecord | None:
        """What an artifact, given by its key, predicts under a condition of the suite; under none: of clean samples."""
        return self._by_condition.get((artifact, content_key(unnamed(condition) if condition else None)))

    def scores(self, evaluation: EvaluationRecord) -> dict[str, float]:
        """Its scores by the names that the suite gives the metrics; without those that could not be computed."""
        names = {metric.label: score_name(metric) for metric in self.suite.metrics}
        return {label: evaluation.scores[name] for label, name in names.items() if name in evaluation.scores}


def load_suite_results(store: Store, suite: str) -> ResultSet:
    """The latest run of a suite with its records. Raises `UserError` where it never ran."""
    return load_run(store, store.latest_run(suite))


def load_run(store: Store, run: RunRecord) -> ResultSet:
    """One run with its records, and the student alone of other runs where it has none.

    What was removed from the store is left out, and told as lost. Raises `UserError` where trials had unlike data under
    one name.
    """
    run = with_alone(run, store)
    done = sorted(key for key, outcome in run.outcomes.items() if outcome.status == "done")

    def read(folder: str, keys: Iterable[str], kind: type[S]) -> dict[str, S]:
        return {key: record for key in keys if (record := store.read(folder, key, kind))}

    with _uncollected():
        records = {key: store.read_trial(key) for key in done if store.has_trial(key)}
        artifacts = {key: store.read_artifact(key) for key in run.artifacts if store.has_artifact(key)}
        evaluations = read(Store.EVALUATIONS, run.evaluations, EvaluationRecord)
        latencies = read(Store.LATENCY, run.latencies, LatencyRecord)
        throughputs = read(Store.THROUGHPUT, run.throughputs, ThroughputRecord)
    listed: dict[str, tuple[Iterable[str], Mapping[str, Stored]]] = {
        "trials": (done, records),
        "artifacts": (run.artifacts, artifacts),
        Store.EVALUATIONS: (run.evaluations, evaluations),
        Store.LATENCY: (run.latencies, latencies),
        Store.THROUGHPUT: (run.throughputs, throughputs),
    }
    lost = tuple(f"{folder}/{key}" for folder, (keys, there) in listed.items() for key in keys if key not in there)
    timed = tuple(latencies.values()), tuple(throughputs.values())
    found = ResultSet(run, records, artifacts, evaluations, *timed, lost)
    _refuse_unlike_data(found)
    return found


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the garbage collector: it would look at all records again and again, a third of the time, for nothing."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _refuse_unlike_data(results: ResultSet) -> None:
    """Raise `UserError` where the data of one name changed between trials: their accuracies cannot be compared."""
    found: dict[str, TrialRecord] = {}
    for record in results.records.values():
        first = found.setdefault(record.trial.data.model_dump_json(), record)
        if first.data_sha256 != record.data_sha256:
            raise UserError(
                f"trials {first.key} and {record.key} of suite '{results.run.name}' are of unlike data: it has changed "
                f"between {first.finished} and {record.finished}",
                help="run the suite anew in another folder: --results",
            )
