"""Training on a GPU: the same loop, the data on the device. Skipped where torch finds no GPU."""

import pytest
import torch

from kdbench.train.build import build_model
from kdbench.train.loop import train_cohort
from kdbench.train.outcome import Trained
from kdbench.zoo.catalog import Catalog
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
