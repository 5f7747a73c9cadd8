"""One run of a suite: what is missing is checked, trained wave by wave, evaluated, timed alone, and recorded."""

import secrets
import time
from collections.abc import Generator, Mapping
from datetime import UTC, datetime
from itertools import chain
from typing import TypeVar

from pydantic import JsonValue

from kdbench.execute.deployment import deploy, to_be_timed
from kdbench.execute.timing.timing import Timed, time_networks
from kdbench.execute.training.waves import check, train
from kdbench.execute.workers.messages import Crashed, LaidOut, Message, Noted, NotExported, TrialEnded
from kdbench.execute.workers.place import Place
from kdbench.results import Layout, Outcome, RunRecord, Store, machine_facts
from kdbench.spec import Plan

T = TypeVar("T")


def run_plan(plan: Plan, place: Place, command: str = "") -> Generator[Message, None, RunRecord]:
    """Carry out a plan. Yields messages as things happen; returns the record of the run.

    Raises `UserError` before anything is trained where the input is bad. A trial that fails leaves the others running.
    """
    place.store.prepare()
    began, started, machine = time.perf_counter(), datetime.now(UTC), machine_facts()
    outcomes = {key: Outcome(status="done") for key in plan.trials if place.store.is_trained(key)}
    outcomes |= _known_skips(plan, place.store, machine)
    trained: list[str] = []
    layouts: list[Layout] = []
    notes: list[str] = []
    if len(outcomes) < len(plan.trials):
        for message in chain(check(plan, outcomes, place), train(plan, outcomes, place)):
            yield message
            if isinstance(message, TrialEnded):
                outcomes[message.key] = Outcome(status=message.status, reason=message.reason)
                trained += [message.key] if message.status == "done" else []
            if isinstance(message, LaidOut):
                layouts.append(message.layout)
            if isinstance(message, Noted) and message.text not in notes:
                notes.append(message.text)
    deployed = yield from _followed(deploy(plan, outcomes, place), outcomes, notes)
    timed = yield from _time(plan, outcomes, place)
    record = RunRecord(
        name=plan.suite.name,
        run_id=f"{started:%Y%m%dT%H%M%S.%fZ}-{secrets.token_hex(2)}",
        command=command,
        suite=plan.suite.model_dump(mode="json"),
        entries=plan.entries,
        outcomes=outcomes,
        trained=tuple(trained),
        artifacts=deployed.artifacts,
        evaluations=deployed.evaluations,
        latencies=tuple(timed.latencies),
        throughputs=tuple(timed.throughputs),
        not_measured=tuple(timed.missing),
        layouts=tuple(layouts),
        notes=tuple(notes),
        machine=machine,
        started=started.isoformat(timespec="seconds"),
        seconds=round(time.perf_counter() - began, 3),
    )
    return _keep(record, place.store)


def _time(plan: Plan, outcomes: Mapping[str, Outcome], place: Place) -> Generator[Message, None, Timed]:
    """Time what is finished against the architecture with the fewest FLOPs."""
    networks, ties = to_be_timed(plan, outcomes, place.store)
    if not networks:
        return Timed()
    reference = min((network for network in networks if network.variant == "fp32"), key=lambda n: n.flops)
    inputs = {"data": plan.suite.data.model_dump(mode="json")}
    return (yield from time_networks(networks, reference, ties, plan.suite.latency, inputs, place))


def _followed(
    messages: Generator[Message, None, T], outcomes: dict[str, Outcome], notes: list[str]
) -> Generator[Message, None, T]:
    """Pass messages on; a trial without an exported file has failed, and what did not go as asked is noted."""
    while True:
        try:
            message = next(messages)
        except StopIteration as end:
            result: T = end.value
            return result
        text = message.text if isinstance(message, Noted) else ""
        if isinstance(message, Crashed):
            text = f"a job broke after training, and its figures are missing: {message.reason}"
        if isinstance(message, NotExported):
            outcomes[message.key] = Outcome(status="failed", reason=message.reason)
        if text and text not in notes:
            notes.append(text)
        yield message


def _keep(record: RunRecord, store: Store) -> RunRecord:
    """Write the record, unless this run found all there already: then the earlier record stands."""
    told = {"name", "suite", "entries", "outcomes", "artifacts", "evaluations", "latencies", "throughputs"}
    told |= {"not_measured"}
    if not record.trained and record.name in store.suites():
        latest = store.latest_run(record.name)
        if latest.model_dump(include=told) == record.model_dump(include=told):
            return latest
    store.write_run(record)
    return record


def _known_skips(plan: Plan, store: Store, machine: Mapping[str, JsonValue]) -> dict[str, Outcome]:
    """What the last run skipped, where neither kdbench nor a package has changed: the answer would be the same."""
    if plan.suite.name not in store.suites():
        return {}
    latest = store.latest_run(plan.suite.name)
    if any(latest.machine.get(fact) != machine[fact] for fact in ("kdbench_source", "versions")):
        return {}
    skipped = {key: outcome for key, outcome in latest.outcomes.items() if outcome.status == "skipped"}
    return {key: outcome for key, outcome in skipped.items() if key in plan.trials}
