"""The caches of a cohort's teacher outputs: how they are opened, and what happens where there is no room for one."""

from collections.abc import Mapping

import torch

from kdbench.execute.jobs.context import Context
from kdbench.results import machine_fingerprint
from kdbench.results.output_cache import CacheFull, OutputCache
from kdbench.spec import Trial, UserError
from kdbench.spec.keys import content_key
from kdbench.spec.trial import RECIPE
from kdbench.train.faculty import OpenTeacherCache
from kdbench.zoo.datasets.splits import Splits


def cache_of(trial: Trial, splits: Splits, context: Context, notes: list[str]) -> OpenTeacherCache:
    """How the trial's cohort opens the caches of its teachers' outputs; `notes` receive why there is none."""

    def open_cache(key: str, widths: Mapping[str, int]) -> OutputCache | None:
        slots = trial.train.slots
        if context.setting.cache == "off" or slots is None:
            return None
        teacher = context.store.read_trial(key)
        about = {
            "teacher": teacher.key,
            "teacher_weights": teacher.weights_sha256,
            "data": splits.sha256(),
            "augment": [view.model_dump(mode="json") for view in trial.train.augment],
            "mixup": trial.train.mixup,
            "torch": torch.__version__,
            "machine": machine_fingerprint(),
            "device": context.device.type,
            "threads": context.setting.layout.threads,
        }
        try:
            return context.caches.open(content_key([RECIPE, about]), about, len(splits.train), widths, slots)
        except CacheFull as full:
            if context.setting.cache == "require":
                raise _no_room(full) from full
            notes.append(f"no room for the cache of teacher outputs: {full}; the teacher runs on every batch")
            return None

    return open_cache


def room_for_cache(trial: Trial, splits: Splits, context: Context) -> OpenTeacherCache:
    """For a rehearsal, which opens none. Raises `UserError` where one is required and there is no room for it."""

    def look(_: str, widths: Mapping[str, int]) -> None:
        if context.setting.cache == "require" and trial.train.slots:
            try:
                context.caches.check(len(splits.train), widths, trial.train.slots)
            except CacheFull as full:
                raise _no_room(full) from full

    return look


def _no_room(full: CacheFull) -> UserError:
    help = "raise --cache-limit, make room on the disk, or drop --cache require to run the teacher on every batch"
    return UserError(f"no room for the cache of teacher outputs: {full}", help=help)
