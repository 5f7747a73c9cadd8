"""Rehearsing and training what is pending, wave by wave, in cohorts."""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence

from kdbench.execute.events import Ahead, LaidOut, Rehearsed, RunEvent, TrialEnded
from kdbench.execute.jobs.records import CohortTrained, Probed, ProbeStep, RehearsalDone, Rehearse, TrainCohort
from kdbench.execute.training.cohorts import Cohort, cohorts
from kdbench.execute.training.processes import choose_layout
from kdbench.execute.workers.messages import Crashed, Noted
from kdbench.execute.workers.place import Place
from kdbench.results import Layout, Outcome
from kdbench.spec import Plan, Problem, Sgd, Trial, UserError, content_key

Outcomes = Mapping[str, Outcome]


def check(plan: Plan, outcomes: Outcomes, place: Place) -> Generator[RunEvent, None, None]:
    """Rehearse what is pending, once for all seeds, budgets and optimizers, and end what cannot run or crashes."""
    signatures = _to_rehearse(plan)
    alike: dict[str, list[Trial]] = {}
    for trial in plan.trials.values():
        if trial.key not in outcomes:
            alike.setdefault(signatures[trial.key], []).append(trial)
    groups = list(alike.values())
    setting = place.setting()
    exported, recorded = _first_of_networks([group[0] for group in groups]), _recorded_data(plan, outcomes, place)
    jobs = [
        Rehearse(
            setting=setting,
            trial=trial,
            parents=plan.parents(trial),
            exported=trial.key in exported,
            data_sha256=recorded.get(trial.data.model_dump_json()),
        )
        for trial, *_ in groups
    ]
    if jobs:
        yield Ahead(work="check", units=len(jobs))
    told: set[str] = set()
    without_layer: dict[str, str] = {}
    for position, said in place.run(jobs):
        yield Rehearsed()
        keys = [trial.key for trial in groups[position]]
        match said:
            case RehearsalDone(reason=reason, notes=notes, no_such_layer=no_such_layer):
                yield from (Noted(text=note) for note in notes if note not in told)
                told.update(notes)
                if reason and no_such_layer:
                    without_layer |= dict.fromkeys(keys, reason)
                elif reason:
                    yield from _skipped(dict.fromkeys(keys, reason))
            case Crashed(reason=reason, traceback=traceback):  # it would crash in training too, hours later
                yield from (TrialEnded(key=key, status="failed", reason=reason, traceback=traceback) for key in keys)
    _refuse_misspelt(plan, without_layer)
    yield from _skipped(without_layer)


def _skipped(reasons: Mapping[str, str]) -> Iterator[TrialEnded]:
    for key, reason in reasons.items():
        yield TrialEnded(key=key, status="skipped", reason=reason, repeats=True)


def _refuse_misspelt(plan: Plan, without_layer: Mapping[str, str]) -> None:
    """Raise `UserError` for rows that name a layer which no pair's network has. `without_layer` has trials, by key."""
    rows: dict[str, list[str]] = {}
    for entry in plan.entries:
        if entry.role == "student":
            rows.setdefault(entry.row, []).append(entry.key)
    wrong = [(row, without_layer[keys[0]]) for row, keys in rows.items() if all(key in without_layer for key in keys)]
    help = "correct the name; `first`, `middle` and `last` are in all networks with stages"
    if wrong:
        raise UserError(Problem(f"{row}: {reason}", help=help) for row, reason in wrong)


def _recorded_data(plan: Plan, outcomes: Outcomes, place: Place) -> dict[str, str]:
    """The SHA-256 of each data as a trial that is done had it."""
    done = {
        trial.data.model_dump_json(): trial.key
        for trial in plan.trials.values()
        if trial.key in outcomes and outcomes[trial.key].status == "done"
    }
    return {data: place.store.read_trial(key).data_sha256 for data, key in done.items()}


def _first_of_networks(trials: Iterable[Trial]) -> frozenset[str]:
    """The first trial of each network on each dataset: its untrained file stands for those of all the others."""
    found: dict[str, str] = {}
    for trial in trials:
        if not trial.combine and not trial.weight_bits:
            network = (trial.model, trial.heads, trial.data.dataset, trial.weights)
            found.setdefault(repr(network), trial.key)
    return frozenset(found.values())


def _to_rehearse(plan: Plan) -> dict[str, str]:
    """What decides whether a trial can run, by its key: all but its seed, epochs and optimizer, and those before it.

    Of these the networks are enough, since they are rehearsed themselves.
    """
    bare = {key: _alike(trial, {}) for key, trial in plan.trials.items()}
    return {key: _alike(trial, bare) for key, trial in plan.trials.items()}


def _alike(trial: Trial, parents: Mapping[str, str]) -> str:
    """What trials that are rehearsed together have in common; a parent that is not known counts as any other."""
    lessons = tuple(
        lesson.model_copy(update={"teachers": tuple(parents.get(key, "") for key in lesson.teachers)})
        for lesson in trial.lessons
    )
    changes = {
        "seed": 0,
        "span": None,
        "lessons": lessons,
        "start": tuple(parents.get(key, "") for key in trial.start),
        "train": trial.train.model_copy(update={"epochs": 1, "optimizer": Sgd()}),
    }
    return content_key(trial.model_copy(update=changes).model_dump(mode="json"))


def train(plan: Plan, outcomes: Outcomes, place: Place) -> Generator[RunEvent, None, None]:
    """Train, again and again, all whose parents are done. The caller adds to `outcomes` what is yielded."""
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
        yield from _train_cohorts(groups, layout, place, crashed.append)
        # A cohort that crashed is tried again one by one: a bad trial fails alone, and a large cohort fits the memory.
        yield from _train_cohorts([(trial,) for cohort in crashed for trial in cohort], layout, place, None)
        for trial in ready:
            if trial.key not in outcomes:
                yield TrialEnded(key=trial.key, status="failed", reason="its job ended without an answer")


def _is_lost(outcome: Outcome | None) -> bool:
    return outcome is not None and outcome.status != "done"


def _lay_out(groups: Sequence[Cohort], plan: Plan, place: Place) -> Generator[RunEvent, None, Layout]:
    """Processes times threads of a wave: as asked, or as a probe finds them."""

    def probe(processes: int, threads: int) -> float | None:
        setting = place.setting(Layout(processes=processes, threads=threads))
        first = next((trial for group in groups for trial in group if trial.epochs), groups[0][0])
        job = ProbeStep(setting=setting, trial=first, parents=plan.parents(first))
        found = [said.epoch_seconds for _, said in place.run([job] * processes) if isinstance(said, Probed)]
        return max((epoch for epoch in found if epoch), default=None)  # what crashes here will crash in training too

    if place.threads or place.device != "cpu":
        threads = place.threads or 1
        layout = Layout(processes=min(place.executor.workers, len(groups)), threads=threads)
    else:
        epochs = [sum(len(trial.epochs) for trial in group) for group in groups]
        layout = choose_layout(epochs, place.executor.workers, probe)
    yield LaidOut(layout=layout)
    return layout


def _train_cohorts(
    groups: Iterable[Cohort], layout: Layout, place: Place, retry: Callable[[Cohort], None] | None
) -> Iterator[RunEvent]:
    """Train cohorts side by side. What is left of one that crashed is handed to `retry`, or has failed."""
    setting = place.setting(layout)
    jobs = [TrainCohort(setting=setting, trials=group) for group in groups]
    for position, said in place.run(jobs, layout.processes):
        match said:
            case CohortTrained(outcomes=outcomes):
                for key, outcome in outcomes.items():
                    yield _ended(key, outcome, place)
            case Crashed(reason=reason, killed=killed, traceback=traceback):
                left = []
                for trial in jobs[position].trials:
                    if place.store.is_trained(trial.key):  # it was recorded before
                        yield _ended(trial.key, Outcome(status="done"), place)
                    else:
                        left.append(trial)
                if retry and (len(left) > 1 or (left and killed)):
                    several = f"a cohort of {len(left)} models crashed and was trained one by one"
                    told = several if len(left) > 1 else "the training of a model was killed and is tried again"
                    yield Noted(text=f"{told}: {reason}")
                    retry(tuple(left))
                    continue
                for trial in left:
                    yield TrialEnded(key=trial.key, status="failed", reason=reason, traceback=traceback)
            case progress:
                yield progress


def _ended(key: str, outcome: Outcome, place: Place) -> TrialEnded:
    top1 = place.store.read_trial(key).validation_top1 if outcome.status == "done" else None
    return TrialEnded(key=key, status=outcome.status, reason=outcome.reason, top1=top1, repeats=top1 is None)
