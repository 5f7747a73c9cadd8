"""One run of a suite: what is missing is checked, trained wave by wave, timed alone, and the run is recorded."""

import secrets
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Literal, Self

from pydantic import JsonValue

from kdbench.execute.cohorts import Cohort, cohorts
from kdbench.execute.executors import Executor, Item
from kdbench.execute.layout import choose_layout
from kdbench.execute.messages import (
    Checked,
    Crashed,
    LaidOut,
    LatencyMissing,
    Message,
    Noted,
    Probed,
    Refused,
    TrialEnded,
)
from kdbench.results import Layout, NotMeasured, Outcome, RunRecord, Store, environment_facts, machine_fingerprint
from kdbench.results.store import latency_key
from kdbench.spec import Plan, Trial, UserError

STAGES = "kdbench.execute.stages"
ONE = Layout(processes=1, threads=1)


@dataclass(frozen=True)
class Place:
    """Where a suite runs: its store, its data, its device, and how jobs are carried out."""

    store: Store
    executor: Executor
    data_root: Path
    device: str = "cpu"
    plugins: tuple[str, ...] = ()
    threads: int | None = None  # per process; by a measured probe where it is not given
    cache: Literal["use", "require", "off"] = "use"  # of teacher outputs; "use": live where there is no room
    cache_limit: int = 8 * 10**9  # bytes of all caches together

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.executor.close()

    def item(self, **content: object) -> Item:
        shared = {"store": str(self.store.root), "data_root": str(self.data_root), "device": self.device}
        how = {"plugins": list(self.plugins), "cache": self.cache, "cache_limit": self.cache_limit}
        return {**shared, **how, "layout": ONE.model_dump(), **content}


def run_plan(plan: Plan, place: Place, command: str = "") -> Generator[Message, None, RunRecord]:
    """Carry out a plan. Yields messages as things happen; returns the record of the run.

    Raises `UserError` before anything is trained where the input is bad. A trial that fails leaves the others running.
    """
    place.store.prepare()
    began, started, environment = time.perf_counter(), datetime.now(UTC), environment_facts()
    outcomes = {key: Outcome(status="done") for key in plan.trials if place.store.is_complete(key)}
    outcomes |= _known_skips(plan, place.store, environment)
    trained: list[str] = []
    layouts: list[Layout] = []
    notes: list[str] = []
    if len(outcomes) < len(plan.trials):
        for message in chain(_check(plan, outcomes, place), _train(plan, outcomes, place)):
            yield message
            if isinstance(message, TrialEnded):
                outcomes[message.key] = Outcome(status=message.status, reason=message.reason)
                trained += [message.key] if message.status == "done" else []
            if isinstance(message, LaidOut):
                layouts.append(message.layout)
            if isinstance(message, Noted) and message.text not in notes:
                notes.append(message.text)
    latencies, missing = yield from _time(plan, outcomes, place)
    record = RunRecord(
        name=plan.suite.name,
        run_id=f"{started:%Y%m%dT%H%M%S.%fZ}-{secrets.token_hex(2)}",
        command=command,
        suite=plan.suite.model_dump(mode="json"),
        entries=plan.entries,
        outcomes=outcomes,
        trained=tuple(trained),
        latencies=latencies,
        not_measured=missing,
        layouts=tuple(layouts),
        notes=tuple(notes),
        environment=environment,
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


def _known_skips(plan: Plan, store: Store, environment: Mapping[str, JsonValue]) -> dict[str, Outcome]:
    """What the last run skipped, where neither kdbench nor a package has changed: the answer would be the same."""
    if plan.suite.name not in store.suites():
        return {}
    latest = store.latest_run(plan.suite.name)
    if any(latest.environment.get(fact) != environment[fact] for fact in ("kdbench_source", "versions")):
        return {}
    skipped = {key: outcome for key, outcome in latest.outcomes.items() if outcome.status == "skipped"}
    return {key: outcome for key, outcome in skipped.items() if key in plan.trials}


def _check(plan: Plan, outcomes: Mapping[str, Outcome], place: Place) -> Iterator[Message]:
    """Rehearse what is pending, once for all seeds, and end what cannot run."""
    alike: dict[str, list[Trial]] = {}
    for trial in plan.trials.values():
        if trial.key not in outcomes:
            alike.setdefault(_but_for_seeds(trial), []).append(trial)
    items = {trials[0].key: trials for trials in alike.values()}
    jobs = [place.item(trials=[trials[0].model_dump(mode="json")], key=key) for key, trials in items.items()]
    for item, message in place.executor.map(f"{STAGES}:check_trials", jobs):
        raise_if_refused(message)
        # What crashes here will crash in training, where it is recorded as a failure of its trials alone.
        if isinstance(message, Checked) and message.reason:
            for trial in items[item["key"]]:
                yield TrialEnded(key=trial.key, status="skipped", reason=message.reason)


def _but_for_seeds(trial: Trial) -> str:
    alike = trial.model_copy(update={"seed": 0, "teachers": ()})
    return alike.model_dump_json() + "".join(map(_but_for_seeds, trial.teachers))


def _train(plan: Plan, outcomes: dict[str, Outcome], place: Place) -> Iterator[Message]:
    """Train, again and again, all whose teachers are done. `outcomes` is read, and grows with what is yielded."""
    while pending := [trial for trial in plan.trials.values() if trial.key not in outcomes]:
        ready = []
        for trial in pending:
            if lost := [teacher for teacher in trial.teachers if _is_lost(outcomes.get(teacher.key))]:
                reason = f"its teacher {lost[0].model.label} was not trained: {outcomes[lost[0].key].reason}"
                yield TrialEnded(key=trial.key, status=outcomes[lost[0].key].status, reason=reason)
            elif all(teacher.key in outcomes for teacher in trial.teachers):
                ready.append(trial)
        if not ready:
            continue
        awaited = {teacher.key for trial in pending for teacher in trial.teachers}
        groups = cohorts(ready, place.executor.workers, awaited)
        layout = yield from _lay_out(groups, place)
        crashed: list[Cohort] = []
        yield from _train_cohorts(groups, layout, place, crashed.append)
        # A cohort that broke is tried again one by one: a bad trial fails alone, and a large cohort fits the memory.
        yield from _train_cohorts([(trial,) for cohort in crashed for trial in cohort], layout, place, None)
        for trial in ready:
            if trial.key not in outcomes:
                yield TrialEnded(key=trial.key, status="failed", reason="its job ended without a word about it")


def _is_lost(outcome: Outcome | None) -> bool:
    return outcome is not None and outcome.status != "done"


def _lay_out(groups: Sequence[Cohort], place: Place) -> Generator[Message, None, Layout]:
    """Processes times threads of a wave: as asked, or as a probe finds them."""

    def probe(processes: int, threads: int) -> float | None:
        how = Layout(processes=processes, threads=threads).model_dump()
        item = place.item(trials=[groups[0][0].model_dump(mode="json")], layout=how)
        found = [message for _, message in place.executor.map(f"{STAGES}:probe_step", [item] * processes)]
        epochs = [message.epoch_seconds for message in found if isinstance(message, Probed)]
        return max((epoch for epoch in epochs if epoch), default=None)  # what crashes here will crash in training too

    if place.threads or place.device != "cpu":
        threads = place.threads or 1
        layout = Layout(processes=min(place.executor.workers, len(groups)), threads=threads)
    else:
        epochs = [sum(trial.train.epochs for trial in group) for group in groups]
        layout = choose_layout(epochs, place.executor.workers, probe)
    yield LaidOut(layout=layout)
    return layout


def _train_cohorts(
    groups: Iterable[Cohort], layout: Layout, place: Place, retry: Callable[[Cohort], None] | None
) -> Iterator[Message]:
    ended: set[str] = set()
    items = {tuple(t.key for t in group): group for group in groups}
    jobs = [
        place.item(trials=[t.model_dump(mode="json") for t in group], keys=keys, layout=layout.model_dump())
        for keys, group in items.items()
    ]
    for item, message in place.executor.map(f"{STAGES}:train_trials", jobs, layout.processes):
        raise_if_refused(message)
        if isinstance(message, TrialEnded):
            ended.add(message.key)
        if not isinstance(message, Crashed):
            yield message
            continue
        left = tuple(trial for trial in items[tuple(item["keys"])] if trial.key not in ended)
        if retry and len(left) > 1:
            yield Noted(text=f"a cohort of {len(left)} models broke and was trained one by one: {message.reason}")
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
        from kdbench.deploy.session import why_impossible  # ONNX Runtime: not for a run that has all its figures

        reasons = [why_impossible(one["how"]["provider"], one["how"]["threads"]) for one in wanted]
        missing = [_not_timed(one, reason) for one, reason in zip(wanted, reasons, strict=True) if reason]
        wanted = [one for one, reason in zip(wanted, reasons, strict=True) if not reason]
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
                told = {what.model_dump_json(exclude={"reason"}) for what in missing}
                lost = [
                    _not_timed(one, message.reason) for one in wanted if not place.store.read_latency(one["latency"])
                ]
                missing += [what for what in lost if what.model_dump_json(exclude={"reason"}) not in told]
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
            key = latency_key(architecture, **how, seconds=plan.suite.latency.seconds, machine=machine)
            if key not in keys:
                keys.append(key)
                if place.store.read_latency(key) is None:
                    asked = {"key": entry.key, "latency": key, "label": entry.model}
                    wanted.append({**asked, "architecture": architecture, "how": how})
    return keys, wanted


def _not_timed(wanted: Item, reason: str) -> NotMeasured:
    return NotMeasured(architecture=wanted["architecture"], **wanted["how"], reason=reason)


def raise_if_refused(message: Message) -> None:
    """Turn what a worker refused back into the exception it was."""
    if isinstance(message, Refused):
        raise UserError(message.problems)
