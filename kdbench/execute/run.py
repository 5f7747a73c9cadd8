"""One run of a suite: what is missing is checked, trained wave by wave, timed alone, and the run is recorded."""

import secrets
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from kdbench.execute.cohorts import Cohort, cohorts
from kdbench.execute.executors import Executor, Item
from kdbench.execute.messages import (
    Checked,
    Crashed,
    LatencyMissing,
    Message,
    Refused,
    TrialEnded,
)
from kdbench.results import NotMeasured, Outcome, RunRecord, Store, environment_facts, machine_fingerprint
from kdbench.results.store import latency_key
from kdbench.spec import Plan, Trial, UserError

STAGES = "kdbench.execute.stages"


@dataclass(frozen=True)
class Place:
    """Where a suite runs: its store, its data, its device, and how jobs are carried out."""

    store: Store
    executor: Executor
    data_root: Path
    device: str = "cpu"
    plugins: tuple[str, ...] = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.executor.close()

    def item(self, **content: object) -> Item:
        shared = {"store": str(self.store.root), "data_root": str(self.data_root)}
        return {**shared, "device": self.device, "plugins": list(self.plugins), **content}


def run_plan(plan: Plan, place: Place) -> Generator[Message, None, RunRecord]:
    """Carry out a plan. Yields messages as things happen; returns the record of the run.

    Raises `UserError` before anything is trained where the input is bad. A trial that fails leaves the others running.
    """
    place.store.prepare()
    began, started = time.perf_counter(), datetime.now(UTC)
    pending = [trial for trial in plan.trials.values() if not place.store.has_artifacts(trial.key)]
    outcomes = {key: Outcome(status="done") for key in plan.trials if place.store.has_artifacts(key)}
    trained: list[str] = []
    if pending:
        for key, reason in (yield from _check(pending, place)).items():
            outcomes[key] = Outcome(status="skipped", reason=reason)
        for message in _train(plan, outcomes, place):
            yield message
            if isinstance(message, TrialEnded):
                outcomes[message.key] = Outcome(status=message.status, reason=message.reason)
                trained += [message.key] if message.status == "done" else []
    latencies, missing = yield from _time(plan, outcomes, place)
    record = RunRecord(
        name=plan.suite.name,
        run_id=f"{started:%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}",
        suite=plan.suite.model_dump(mode="json"),
        entries=plan.entries,
        outcomes=outcomes,
        trained=tuple(trained),
        latencies=latencies,
        not_measured=missing,
        environment=environment_facts(),
        started=started.isoformat(timespec="seconds"),
        seconds=round(time.perf_counter() - began, 3),
    )
    return _keep(record, place.store)


def _keep(record: RunRecord, store: Store) -> RunRecord:
    """Write the record, unless this run found all there already: then the earlier record stands."""
    told = {"name", "suite", "entries", "outcomes", "latencies", "not_measured"}
    if not record.trained and record.name in store.suites():
        latest = store.latest_run(record.name)
        if latest.model_dump(include=told) == record.model_dump(include=told):
            return latest
    store.write_run(record)
    return record


def _check(pending: list[Trial], place: Place) -> Generator[Message, None, dict[str, str]]:
    """Which trials cannot run, and why."""
    item = place.item(trials=[trial.model_dump(mode="json") for trial in pending])
    for _, message in place.executor.map(f"{STAGES}:check_trials", [item]):
        raise_if_refused(message)
        if isinstance(message, Checked):
            for key, reason in message.skipped.items():
                yield TrialEnded(key=key, status="skipped", reason=reason)
            return message.skipped
    return {}


def _train(plan: Plan, outcomes: dict[str, Outcome], place: Place) -> Iterator[Message]:
    """Train wave by wave. `outcomes` is read, to leave out what is done or cannot run."""
    for wave in plan.waves:
        ready = []
        for trial in wave:
            if trial.key in outcomes:
                continue
            if lost := [teacher for teacher in trial.teachers if outcomes[teacher.key].status != "done"]:
                reason = f"its teacher {lost[0].model.label} was not trained: {outcomes[lost[0].key].reason}"
                yield TrialEnded(key=trial.key, status=outcomes[lost[0].key].status, reason=reason)
            else:
                ready.append(trial)
        crashed: list[Cohort] = []
        yield from _train_cohorts(cohorts(ready, place.executor.workers), place, crashed.append)
        # A cohort that broke is tried again one by one, so that one bad trial fails alone.
        yield from _train_cohorts([(trial,) for cohort in crashed for trial in cohort], place, None)


def _train_cohorts(groups: Iterable[Cohort], place: Place, retry: Callable[[Cohort], None] | None) -> Iterator[Message]:
    ended: set[str] = set()
    items = {tuple(t.key for t in group): group for group in groups}
    jobs = [place.item(trials=[t.model_dump(mode="json") for t in group], keys=keys) for keys, group in items.items()]
    for item, message in place.executor.map(f"{STAGES}:train_trials", jobs):
        raise_if_refused(message)
        if isinstance(message, TrialEnded):
            ended.add(message.key)
        if not isinstance(message, Crashed):
            yield message
            continue
        left = tuple(trial for trial in items[tuple(item["keys"])] if trial.key not in ended)
        if retry and len(left) > 1:
            retry(left)
            continue
        for trial in left:
            yield TrialEnded(key=trial.key, status="failed", reason=message.reason, traceback=message.traceback)


def _time(
    plan: Plan, outcomes: dict[str, Outcome], place: Place
) -> Generator[Message, None, tuple[tuple[str, ...], tuple[NotMeasured, ...]]]:
    """Time each architecture once per combination, alone on the machine: latency keys, and what is missing."""
    keys, wanted = _combinations(plan, outcomes, place)
    missing: list[NotMeasured] = []
    if wanted:
        from kdbench.deploy.session import missing_provider  # ONNX Runtime: not for a run that has all its figures

        reasons = {one["how"]["provider"]: missing_provider(one["how"]["provider"]) for one in wanted}
        missing = [_not_timed(one, reason) for one in wanted if (reason := reasons[one["how"]["provider"]])]
        wanted = [one for one in wanted if not reasons[one["how"]["provider"]]]
        yield from (LatencyMissing(what=what) for what in missing)
    if wanted:
        item = place.item(
            combinations=wanted, data=plan.suite.data.model_dump(mode="json"), seconds=plan.suite.latency.seconds
        )
        for _, message in place.executor.map(f"{STAGES}:time_architectures", [item]):
            raise_if_refused(message)
            yield message
            if isinstance(message, LatencyMissing):
                missing.append(message.what)
            if isinstance(message, Crashed):
                missing += [_not_timed(one, message.reason) for one in wanted]
    return tuple(key for key in keys if place.store.read_latency(key)), tuple(missing)


def _combinations(plan: Plan, outcomes: dict[str, Outcome], place: Place) -> tuple[list[str], list[Item]]:
    """The keys of all latencies that the plan's architectures should have here, and those yet to be timed."""
    machine = machine_fingerprint()
    keys: list[str] = []
    wanted: list[Item] = []
    for entry in plan.entries:
        if outcomes[entry.key].status != "done":
            continue
        architecture = place.store.read_trial(entry.key).model.architecture
        for how in plan.suite.latency.combinations:
            key = latency_key(architecture, **how, machine=machine)
            if key not in keys:
                keys.append(key)
                if place.store.read_latency(key) is None:
                    wanted.append({"key": entry.key, "label": entry.model, "architecture": architecture, "how": how})
    return keys, wanted


def _not_timed(wanted: Item, reason: str) -> NotMeasured:
    return NotMeasured(architecture=wanted["architecture"], **wanted["how"], reason=reason)


def raise_if_refused(message: Message) -> None:
    """Turn what a worker refused back into the exception it was."""
    if isinstance(message, Refused):
        raise UserError(message.problems)
