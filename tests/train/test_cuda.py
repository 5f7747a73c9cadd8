"""Training on a GPU: the same loop, the data on the device. Skipped where torch finds no GPU."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from kdbench.results.output_cache import CacheFolder, OutputCache
from kdbench.train.build import build_model
from kdbench.train.learner import Learner
from kdbench.train.loop import train_cohort
from kdbench.train.outcome import Trained
from kdbench.zoo.catalog import BUILTIN, Catalog
from tests.small import random_splits, small_trial

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA GPU on this machine"),
]


def test_a_cohort_trains_on_the_gpu() -> None:
    splits = random_splits().to("cuda")
    teacher_trial = small_trial(seed=5)
    teacher = build_model(teacher_trial.model, Catalog(), splits.classes, splits.shape, 5).to("cuda")
    crop = {"use": "crop", "options": {"padding": 1}}
    trials = [
        small_trial(
            loss={"use": loss, "options": {}},
            teachers=[teacher_trial],
            train={"epochs": 2, "batch_size": 16, "augment": [crop]},
        )
        for loss in ("kd", "fitnet")
    ]
    training = train_cohort(trials, splits, teacher, Catalog())
    while True:
        try:
            next(training)
        except StopIteration as end:
            outcomes = end.value
            break
    for outcome in outcomes:
        assert isinstance(outcome, Trained)
        assert outcome.cost.device.startswith("cuda")
        assert outcome.cost.step_seconds > 0


@pytest.mark.parametrize("views", ["fresh", "shared", "bank"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_no_step_waits_for_the_device(views: str, precision: str, tmp_path: Path) -> None:
    splits = random_splits(100).to("cuda")
    teacher_trial = small_trial(seed=5)
    teacher = build_model(teacher_trial.model, Catalog(), splits.classes, splits.shape, 5).to("cuda")
    augment = [{"use": "crop", "options": {"padding": 1}}, {"use": "flip", "options": {}}]
    recipe = {"epochs": 1, "batch_size": 16, "augment": augment, "views": views, "precision": precision, "mixup": 0.4}
    trials = [
        small_trial(loss={"use": loss, "options": {}}, teachers=[teacher_trial], train=recipe)
        for loss in BUILTIN["losses"]
    ]
    waited: list[str] = []

    def open_cache(widths: Mapping[str, int]) -> OutputCache | None:
        slots = trials[0].train.slots
        return CacheFolder(tmp_path, 10**9).open("teacher", {}, 100, widths, slots) if slots else None

    def step(self: Learner, *args: Any, **named: Any) -> None:
        if self.steps < 2:  # allocations and choices of kernels
            torch.cuda.set_sync_debug_mode("default")
        real(self, *args, **named)
        torch.cuda.set_sync_debug_mode("error")  # from here to the epoch's end: batch, teacher and step

    def close(self: Learner, *args: Any) -> Any:
        torch.cuda.set_sync_debug_mode("default")
        waited.append(self.trial.loss.use)
        return real_close(self, *args)

    real, real_close = Learner.step, Learner.close_epoch
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Learner, "step", step)
        patch.setattr(Learner, "close_epoch", close)
        try:
            for _ in train_cohort(trials, splits, teacher, Catalog(), open_cache):
                pass
        finally:
            torch.cuda.set_sync_debug_mode("default")
    assert len(waited) == 2 * len(trials)
