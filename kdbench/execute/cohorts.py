"""Which trials are trained together."""

from collections.abc import Iterable

from kdbench.spec import Trial

Cohort = tuple[Trial, ...]


def cohorts(trials: Iterable[Trial]) -> list[Cohort]:
    """Group what shares teacher, data, views, recipe and seed; without a teacher there is no work to share.

    Trials without a teacher come in their own order, which has the teachers of later waves first.
    """
    groups: dict[object, list[Trial]] = {}
    for trial in trials:
        shared = (*(teacher.key for teacher in trial.teachers), trial.start.key if trial.start else "")
        recipe = (trial.data.model_dump_json(), trial.train.model_dump_json(), trial.view.model_dump_json(), trial.seed)
        groups.setdefault((shared, recipe) if trial.teachers else trial.key, []).append(trial)
    return [tuple(group) for group in groups.values()]
