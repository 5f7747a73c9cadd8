"""The learning rate over the epochs of a recipe, by hand."""

import math

import pytest

from kdbench.spec import TrainSpec
from kdbench.spec.recipe import learning_rate_factor, learning_rate_spent


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


def test_the_rate_spent_is_the_area_under_its_factor() -> None:
    cosine = TrainSpec.model_validate({"epochs": 10, "schedule": "cosine"})
    # The integral of (1 + cos(pi t / 10)) / 2
    area = [t / 2 + 5 / math.pi * math.sin(math.pi * t / 10) for t in (0, 1, 5, 10)]
    assert learning_rate_spent(cosine, (0, 1, 5, 10)) == pytest.approx(area, abs=1e-4)
    step = TrainSpec.model_validate({"epochs": 3, "schedule": {"use": "step", "milestones": [1], "factor": 0.5}})
    assert learning_rate_spent(step, (1, 2.5)) == pytest.approx([1, 1.75])
    assert learning_rate_spent(step, ()) == ()
