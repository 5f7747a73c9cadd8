"""Checking and training what is pending, wave by wave, in cohorts."""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence

from kdbench.execute.training.cohorts import Cohort, cohorts
from kdbench.execute.training.processes import choose_layout
from kdbench.execute.workers.messages import Checked, Crashed, LaidOut, Message, Noted, Probed, TrialEnded
from kdbench.execute.workers.place import STAGES, Place, raise_if_refused
from kdbench.results import Layout, Outcome
from kdbench.spec import Plan, Trial


def check(plan: Plan, outcomes: Mapping[str, Outcome], place: Place) -> Iterator[Message]:
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


def train(plan: Plan, outcomes: dict[str, Outcome], place: Place) -> Iterator[Message]:
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
