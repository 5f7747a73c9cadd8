"""Training on a GPU: the same loop, the data on the device. Skipped where torch finds no GPU."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from kdbench.results.output_cache import CacheFolder, OutputCache
from kdbench.spec import Trial
from kdbench.spec.generators import drain
from kdbench.train.build import build_model
from kdbench.train.ended import Trained
from kdbench.train.faculty import Parents
from kdbench.train.learner import Learner
from kdbench.train.loop import train_cohort
from kdbench.train.rehearsing.rehearsal import rehearse
from kdbench.zoo.catalog import BUILTIN, Catalog
from kdbench.zoo.datasets.splits import Splits
from kdbench.zoo.interface import Moment, NotApplicable, Outputs
from tests.small import random_splits, small_trial, taught_by

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA GPU on this machine"),
]

TEACHER = small_trial(model={"use": "resnet_cifar", "options": {"depth": 8}}, seed=5)  # its norms serve overhaul
DECLINES_MIXUP = {"crd": "drop mixup"}


def taught(loss: str, **train: object) -> Trial:
    return small_trial(loss={"use": loss, "options": {}}, teachers=[TEACHER], train=train)


def guide(splits: Splits) -> Parents:
    model = build_model(TEACHER.model, Catalog(), splits.classes, splits.shape, TEACHER.seed).to("cuda")
    return taught_by(model, TEACHER)


def test_a_cohort_of_all_losses_trains_on_the_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    splits = random_splits().to("cuda")
    crop = {"use": "crop", "options": {"padding": 1}}
    trials = [taught(loss, epochs=2, batch_size=16, augment=[crop]) for loss in BUILTIN["losses"]]
    learners: dict[str, Learner] = {}

    def close(self: Learner, *args: Any) -> Any:
        learners[self.trial.lessons[0].loss.use] = self
        return real_close(self, *args)

    real_close = Learner.close_epoch
    monkeypatch.setattr(Learner, "close_epoch", close)
    for outcome in drain(train_cohort(trials, splits, Catalog(), guide(splits))):
        assert isinstance(outcome, Trained), outcome
        assert outcome.cost.device.startswith("cuda")
        assert outcome.cost.step_seconds > 0
        assert all(tensor.is_cuda for tensor in outcome.model.state_dict().values())
    assert learners.keys() == BUILTIN["losses"].keys()
    own = [module for each in learners.values() if (module := each.instructions[0].criterion.module)]
    assert all(tensor.is_cuda for module in own for tensor in module.state_dict().values())
    assert learners["crd"].instructions[0].criterion.module.state_dict().keys() >= {
        "student_bank.rows",
        "teacher_bank.log_z",
    }
    assert "margin0" in learners["overhaul"].instructions[0].criterion.module.state_dict()


def looking(student: Outputs, teacher: Outputs, labels: Tensor, moment: Moment) -> Tensor:
    given = (student.logits, teacher.logits, labels, moment.labels, moment.draw.samples)
    assert all(tensor.is_cuda for tensor in given)
    assert moment.draw.normal("noise", 3).is_cuda
    assert moment.labels.shape == (70,)
    return functional.cross_entropy(student.logits, labels)


def test_a_loss_is_given_everything_on_the_gpu() -> None:
    splits = random_splits().to("cuda")
    trial = taught(f"{__name__}:looking", epochs=1, batch_size=16)
    (outcome,) = drain(train_cohort([trial], splits, Catalog((__name__,)), guide(splits)))
    assert isinstance(outcome, Trained), outcome


@pytest.mark.parametrize("mixup", [None, 0.4])
@pytest.mark.parametrize("views", ["fresh", "shared", "bank"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_no_step_waits_for_the_device(views: str, precision: str, mixup: float | None, tmp_path: Path) -> None:
    splits = random_splits(100).to("cuda")
    augment = [{"use": "crop", "options": {"padding": 1}}, {"use": "flip", "options": {}}]
    recipe = {"epochs": 1, "batch_size": 16, "augment": augment, "views": views, "precision": precision, "mixup": mixup}
    trials = {loss: taught(loss, **recipe) for loss in BUILTIN["losses"]}
    for loss, reason in DECLINES_MIXUP.items() if mixup else ():
        with pytest.raises(NotApplicable, match=reason):
            rehearse(trials.pop(loss), [TEACHER], splits, Catalog())
    slots = trials["kd"].train.slots
    waited: list[str] = []

    def open_cache(_: str, widths: Mapping[str, int]) -> OutputCache | None:
        return CacheFolder(tmp_path, 10**9).open("teacher", {}, 100, widths, slots) if slots else None

    def step(self: Learner, *args: Any, **named: Any) -> None:
        if self.steps < 2:  # allocations and choices of kernels, and what a loss makes once of the training split
            torch.cuda.set_sync_debug_mode("default")
        real(self, *args, **named)
        torch.cuda.set_sync_debug_mode("error")  # from here to the epoch's end: batch, teacher and step

    def close(self: Learner, *args: Any) -> Any:
        torch.cuda.set_sync_debug_mode("default")
        waited.append(self.trial.lessons[0].loss.use)
        return real_close(self, *args)

    real, real_close = Learner.step, Learner.close_epoch
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Learner, "step", step)
        patch.setattr(Learner, "close_epoch", close)
        try:
            outcomes = drain(train_cohort(list(trials.values()), splits, Catalog(), guide(splits), open_cache))
        finally:
            torch.cuda.set_sync_debug_mode("default")
    assert all(isinstance(outcome, Trained) for outcome in outcomes), outcomes
    assert len(waited) == 2 * len(trials)
