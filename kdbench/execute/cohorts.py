"""Which trials are trained together."""

import math
from collections.abc import Iterable

from kdbench.spec import Trial

Cohort = tuple[Trial, ...]


def cohorts(trials: Iterable[Trial], workers: int) -> list[Cohort]:
    """Group what shares teacher, data, views, recipe and seed; without a teacher there is no work to share.

    Groups that would leave a worker idle at the end are divided: what a model learns does not depend on its group.
    """
    groups: dict[object, list[Trial]] = {}
    for trial in trials:
        shared = (*(teacher.key for teacher in trial.teachers), trial.start.key if trial.start else "")
        recipe = (trial.data.model_dump_json(), trial.train.model_dump_json(), trial.view.model_dump_json(), trial.seed)
        groups.setdefault((shared, recipe) if trial.teachers else trial.key, []).append(trial)
    whole = [tuple(group) for group in groups.values()]
    if not (rest := len(whole) % workers):
        return whole
    parts = math.ceil(workers / rest)
    divided = [group[part::parts] for group in whole[-rest:] for part in range(parts)]
    return whole[:-rest] + [group for group in divided if group]
