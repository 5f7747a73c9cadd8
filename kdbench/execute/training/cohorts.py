"""Which trials are trained together, and in which order."""

from collections.abc import Collection, Iterable, Sequence

from kdbench.spec import Trial

Cohort = tuple[Trial, ...]
# Models: what they share is by then a small part of the cost, and an interrupted run loses no more than these.
LARGEST = 32


def cohorts(trials: Iterable[Trial], workers: int, first: Collection[str] = ()) -> list[Cohort]:
    """Group what shares teacher, data, views, seed and recipe; without a teacher there is no work to share.

    Optimizers may differ: each model has its own, so that a tuning's tries share their passes over the data.

    Groups are divided where all workers are done sooner for it: what a model learns does not depend on its group. Those
    that hold a trial of `first` (by key) stand first, since others wait for it, and long ones before short ones.
    """
    groups: dict[object, list[Trial]] = {}
    for trial in trials:
        recipe = trial.train.model_dump_json(exclude={"optimizer"})
        shared = (
            trial.teachers,
            trial.data.model_dump_json(),
            recipe,
            trial.view.model_dump_json(),
            trial.seed,
            trial.span,
        )
        groups.setdefault(shared if trial.teachers else trial.key, []).append(trial)
    found = _longest_first(part for group in groups.values() for part in _parts(group))
    while (divided := _divide(found)) and _makespan(divided, workers) < _makespan(found, workers):
        found = divided
    return sorted(found, key=lambda group: not any(trial.key in first for trial in group))


def _parts(group: Sequence[Trial]) -> list[Cohort]:
    """A group in as few parts of alike sizes as `LARGEST` allows."""
    count = -(-len(group) // LARGEST)
    return [tuple(group[number::count]) for number in range(count)]


def _work(group: Cohort) -> int:
    """Epochs to train; what a taught group shares (the teacher, the data) is taken to cost as much as one model."""
    return sum(len(trial.epochs) for trial in group) + (len(group[0].epochs) if group[0].teachers else 0)


def _longest_first(groups: Iterable[Cohort]) -> list[Cohort]:
    return sorted(groups, key=_work, reverse=True)


def _divide(groups: Sequence[Cohort]) -> list[Cohort] | None:
    """The same with the last of the largest groups in two."""
    size = max(map(len, groups), default=0)
    if size < 2:
        return None
    index = max(i for i, group in enumerate(groups) if len(group) == size)
    halves = groups[index][::2], groups[index][1::2]
    return _longest_first((*groups[:index], *halves, *groups[index + 1 :]))


def _makespan(groups: Iterable[Cohort], workers: int) -> int:
    """When the last worker is done, each taking the next group as it becomes free."""
    busy = [0] * workers
    for group in groups:
        busy[busy.index(min(busy))] += _work(group)
    return max(busy)
