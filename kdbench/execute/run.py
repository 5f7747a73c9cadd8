"""One run of a suite: what is missing is checked, trained wave by wave, evaluated, timed alone, and recorded.

Some trials follow from others: those under settings that the tuning chose, and those that confirm a candidate. So the
suite is planned again after each training, until nothing is missing.
"""

import secrets
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from pydantic import JsonValue

from kdbench.execute.deployment import deploy, to_be_timed
from kdbench.execute.events import LaidOut, NotExported, Planned, RunEvent, TrialEnded
from kdbench.execute.failures import remember, would_repeat
from kdbench.execute.this_processor import on_this_processor
from kdbench.execute.timing.samples import RealSamples
from kdbench.execute.timing.timing import Timed, time_networks
from kdbench.execute.training.waves import check, train
from kdbench.execute.workers.messages import Noted
from kdbench.execute.workers.place import Place
from kdbench.results import Layout, Outcome, RunRecord, Store, machine_facts
from kdbench.results.finished import finished
from kdbench.results.machine.processor import computes_bfloat16, instruction_set
from kdbench.spec import Gate, Plan, Suite, UserError
from kdbench.spec import plan as plan_suite
from kdbench.spec.generators import Followed
from kdbench.spec.planning.effects import without_effect
from kdbench.zoo.catalog import Catalog

T = TypeVar("T")
NOT_YET = Outcome(status="skipped", reason="not trained yet")


@dataclass
class _Course:
    """What the record of a run keeps of its events."""

    place: Place
    machine: Mapping[str, JsonValue]
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    trained: list[str] = field(default_factory=list)
    layouts: list[Layout] = field(default_factory=list)
    notes: dict[str, None] = field(default_factory=dict)  # each once, in the order of their coming

    def of(self, events: Generator[RunEvent, None, T]) -> Generator[RunEvent, None, T]:
        """The same events, of which what is to be kept is kept."""
        followed = Followed(events)
        for event in followed:
            self._keep(event)
            yield event
        return followed.result

    def _keep(self, event: RunEvent) -> None:
        match event:
            case TrialEnded(key=key, status=status, reason=reason):
                self.outcomes[key] = Outcome(status=status, reason=reason)
                self.trained += [key] if status == "done" else []
                remember(event, self.place, self.machine)
            case NotExported(key=key, reason=reason):
                self.outcomes[key] = Outcome(status="failed", reason=reason)
            case LaidOut(layout=layout):
                self.layouts.append(layout)
            case Noted(text=text):
                self.notes[text] = None


def run_suite(
    suite: Suite,
    place: Place,
    command: str = "",
    *,
    retry: bool = False,
    train_more: bool = True,
    gates: tuple[Gate, ...] | None = None,
) -> Generator[RunEvent, None, RunRecord]:
    """Carry out what a suite asks for. Yields events as things happen; returns the record of the run.

    What failed before and would fail again is not trained again, but where `retry`; nothing is, without `train_more`.
    With the `gates` of a check, what the store lacks is measured only as far as these hold it: see `measured_for`.
    Raises `UserError` before anything is trained where the input is bad. A trial that fails leaves the others running.
    """
    catalog, suite = Catalog(place.plugins), on_this_processor(suite)
    plan = plan_suite(suite, catalog)
    if not train_more and not any(map(place.store.is_trained, plan.trials)):
        text = f"no trial of '{suite.name}' is trained in '{place.store.root}' yet"
        raise UserError(text, help="run it without --trained first")
    place.store.prepare()
    began, started, machine = time.perf_counter(), datetime.now(UTC), machine_facts()
    course = _Course(place, machine)
    while lacking := [key for key in plan.trials if key not in course.outcomes]:
        course.outcomes |= {key: Outcome(status="done") for key in lacking if place.store.is_trained(key)}
        left = [key for key in lacking if key not in course.outcomes]
        course.outcomes |= {} if retry else would_repeat(left, place, machine)
        if not train_more:
            course.outcomes |= {key: NOT_YET for key in left if key not in course.outcomes}
        yield Planned(plan, frozenset(key for key in lacking if key not in course.outcomes), gates)
        yield from course.of(_notes(plan, course.outcomes, place))
        yield from course.of(check(plan, course.outcomes, place))
        yield from course.of(train(plan, course.outcomes, place))
        plan = plan_suite(suite, catalog, finished(place.store, course.outcomes))
    measured = plan.suite if gates is None else plan.suite.measured_for(gates)
    deployed = yield from course.of(deploy(plan, course.outcomes, place, measured))
    timed = yield from course.of(_time(plan, course.outcomes, place, anew=gates is None))
    record = RunRecord(
        name=plan.suite.name,
        run_id=f"{started:%Y%m%dT%H%M%S.%fZ}-{secrets.token_hex(2)}",
        command=command,
        suite=plan.suite.model_dump(mode="json"),
        entries=plan.entries,
        outcomes=course.outcomes,
        trained=tuple(course.trained),
        artifacts=deployed.artifacts,
        evaluations=deployed.evaluations,
        latencies=tuple(timed.latencies),
        throughputs=tuple(timed.throughputs),
        not_measured=tuple(timed.missing),
        layouts=tuple(course.layouts),
        notes=tuple(course.notes),
        machine=machine,
        started=started.isoformat(timespec="seconds"),
        seconds=round(time.perf_counter() - began, 3),
    )
    return _keep(record, place.store)


def _notes(plan: Plan, outcomes: Mapping[str, Outcome], place: Place) -> Generator[RunEvent, None, None]:
    """What is known before anything is trained: options without effect, and bfloat16 that is slow on this processor."""
    yield from (Noted(text=text) for text in without_effect(plan))
    asked = any(trial.train.precision == "bfloat16" for key, trial in plan.trials.items() if key not in outcomes)
    if asked and place.device == "cpu" and computes_bfloat16(instruction_set()) is False:
        yield Noted(text="this processor has no instructions for bfloat16: training in float32 is faster (decision 15)")


def _time(plan: Plan, outcomes: Mapping[str, Outcome], place: Place, *, anew: bool) -> Generator[RunEvent, None, Timed]:
    """Time what is finished against the architecture with the fewest FLOPs."""
    networks, ties = to_be_timed(plan, outcomes, place.store)
    if not networks:
        return Timed()
    reference = min((network for network in networks if network.variant == "fp32"), key=lambda n: n.flops)
    source = RealSamples(plan.suite.data)
    return (yield from time_networks(networks, reference, ties, plan.suite.latency, source, place, anew=anew))


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
