"""Checking and training what is pending, wave by wave, in cohorts."""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence

from pydantic import JsonValue

from kdbench.execute.training.cohorts import Cohort, cohorts
from kdbench.execute.training.processes import choose_layout
from kdbench.execute.workers.messages import Checked, Crashed, LaidOut, Message, Noted, Probed, TrialEnded
from kdbench.execute.workers.place import STAGES, Place, raise_if_refused
from kdbench.results import Layout, Outcome
from kdbench.spec import Plan, Trial, content_key


def check(plan: Plan, outcomes: Mapping[str, Outcome], place: Place) -> Iterator[Message]:
    """Rehearse what is pending, once for all seeds, and end what cannot run."""
    signatures = _but_for_seeds(plan)
    alike: dict[str, list[Trial]] = {}
    for trial in plan.trials.values():
        if trial.key not in outcomes:
            alike.setdefault(signatures[trial.key], []).append(trial)
    items = {trials[0].key: trials for trials in alike.values()}
    jobs = [
        place.item(trials=[trials[0].model_dump(mode="json")], parents=_parents(trials[:1], plan), key=key)
        for key, trials in items.items()
    ]
    for item, message in place.executor.map(f"{STAGES}:check_trials", jobs):
        raise_if_refused(message)
        # What crashes here will crash in training, where it is recorded as a failure of its trials alone.
        if isinstance(message, Checked) and message.reason:
            for trial in items[item["key"]]:
                yield TrialEnded(key=trial.key, status="skipped", reason=message.reason)


def _but_for_seeds(plan: Plan) -> dict[str, str]:
    """What each trial is apart from its seed and from those of the trials before it, by its key."""
    found: dict[str, str] = {}
    for key, trial in plan.trials.items():
        lessons = tuple(
            lesson.model_copy(update={"teachers": tuple(found[teacher] for teacher in lesson.teachers)})
            for lesson in trial.lessons
        )
        start = tuple(found[parent] for parent in trial.start)
        alike = trial.model_copy(update={"seed": 0, "lessons": lessons, "start": start})
        found[key] = content_key(alike.model_dump(mode="json"))
    return found


def _parents(trials: Iterable[Trial], plan: Plan) -> list[dict[str, JsonValue]]:
    """The trials before these, as JSON: what a job builds their networks from."""
    keys = dict.fromkeys(key for trial in trials for key in trial.parents)
    return [plan.trials[key].model_dump(mode="json") for key in keys]


def train(plan: Plan, outcomes: dict[str, Outcome], place: Place) -> Iterator[Message]:
    """Train, again and again, all whose teachers are done. `outcomes` is read, and grows with what is yielded."""
    while pending := [trial for trial in plan.trials.values() if trial.key not in outcomes]:
        ready = []
        for trial in pending:
            if lost := [key for key in trial.parents if _is_lost(outcomes.get(key))]:
                what = "teacher" if lost[0] in trial.teachers else "start"
                reason = f"its {what} {plan.trials[lost[0]].model.label} was not trained: {outcomes[lost[0]].reason}"
                yield TrialEnded(key=trial.key, status=outcomes[lost[0]].status, reason=reason)
            elif all(key in outcomes for key in trial.parents):
                ready.append(trial)
        if not ready:
            continue
        awaited = {key for trial in pending for key in trial.parents}
        groups = cohorts(ready, place.executor.workers, awaited)
        layout = yield from _lay_out(groups, plan, place)
        crashed: list[Cohort] = []
        yield from _train_cohorts(groups, plan, layout, place, crashed.append)
        # A cohort that broke is tried again one by one: a bad trial fails alone, and a large cohort fits the memory.
        yield from _train_cohorts([(trial,) for cohort in crashed for trial in cohort], plan, layout, place, None)
        for trial in ready:
            if trial.key not in outcomes:
                yield TrialEnded(key=trial.key, status="failed", reason="its job ended without a word about it")


def _is_lost(outcome: Outcome | None) -> bool:
    return outcome is not None and outcome.status != "done"


def _lay_out(groups: Sequence[Cohort], plan: Plan, place: Place) -> Generator[Message, None, Layout]:
    """Processes times threads of a wave: as asked, or as a probe finds them."""

    def probe(processes: int, threads: int) -> float | None:
        how = Layout(processes=processes, threads=threads).model_dump()
        first = groups[0][0]
        item = place.item(trials=[first.model_dump(mode="json")], parents=_parents([first], plan), layout=how)
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
    groups: Iterable[Cohort], plan: Plan, layout: Layout, place: Place, retry: Callable[[Cohort], None] | None
) -> Iterator[Message]:
    ended: set[str] = set()
    items = {tuple(t.key for t in group): group for group in groups}
    jobs = [
        place.item(
            trials=[t.model_dump(mode="json") for t in group],
            parents=_parents(group, plan),
            keys=keys,
            layout=layout.model_dump(),
        )
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
