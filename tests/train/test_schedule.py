import math

import pytest
import torch

from kdbench.spec import AdamW, Sgd, TrainSpec
from kdbench.train.schedule import build_optimizer, learning_rate_factor


def factors(spec: dict[str, object], *epochs: float) -> list[float]:
    return [learning_rate_factor(TrainSpec.model_validate(spec), epoch) for epoch in epochs]


def test_cosine_goes_from_one_to_its_floor() -> None:
    assert factors({"epochs": 10, "schedule": "cosine"}, 0, 5, 10) == pytest.approx([1, 0.5, 0])
    floored = factors({"epochs": 10, "schedule": {"use": "cosine", "floor": 0.1}}, 0, 5, 10)
    assert floored == pytest.approx([1, 0.55, 0.1])


def test_step_divides_at_milestones() -> None:
    spec = {"epochs": 10, "schedule": {"use": "step", "milestones": [4, 8], "factor": 0.1}}
    assert factors(spec, 0, 3.99, 4, 8) == pytest.approx([1, 1, 0.1, 0.01])


def test_warm_up_is_linear_and_the_cosine_begins_after_it() -> None:
    spec = {"epochs": 10, "warmup_epochs": 2.0, "schedule": "cosine"}
    assert factors(spec, 0, 1, 2, 6, 10) == pytest.approx([0, 0.5, 1, 0.5, 0])
    assert factors({"schedule": "constant", "warmup_epochs": 2}, 1, 5) == [0.5, 1.0]


def test_optimizers_are_what_the_recipe_says() -> None:
    weights = [torch.nn.Parameter(torch.ones(1))]
    sgd = build_optimizer(Sgd(lr=0.3, momentum=0.8, weight_decay=0.1, nesterov=True), weights)
    assert isinstance(sgd, torch.optim.SGD)
    assert {k: sgd.defaults[k] for k in ("lr", "momentum", "weight_decay", "nesterov")} == {
        "lr": 0.3,
        "momentum": 0.8,
        "weight_decay": 0.1,
        "nesterov": True,
    }
    adamw = build_optimizer(AdamW(beta1=0.5), weights)
    assert isinstance(adamw, torch.optim.AdamW)
    assert adamw.defaults["betas"] == (0.5, 0.999)


def test_one_sgd_step_by_hand() -> None:
    # w = 1, gradient of 0.5 w^2 is 1, weight decay adds 0.1: w - 0.2 * 1.1 = 0.78
    weight = torch.nn.Parameter(torch.ones(1))
    optimizer = build_optimizer(Sgd(lr=0.2, momentum=0.0, weight_decay=0.1), [weight])
    (0.5 * weight.square()).sum().backward()
    optimizer.step()
    assert math.isclose(weight.item(), 0.78, rel_tol=1e-6)
