import math

import pytest
import torch

from kdbench.spec import AdamW, Sgd
from kdbench.train.optimizers import build_optimizer


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


@pytest.mark.parametrize("spec", [Sgd(weight_decay=0.1, decay="weights"), AdamW(weight_decay=0.1, decay="weights")])
def test_weights_alone_are_decayed_where_that_is_asked_for(spec: Sgd | AdamW) -> None:
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.Linear(2, 3))
    temperature = torch.nn.Parameter(torch.ones(()))
    found = {
        id(parameter): group["weight_decay"]
        for group in build_optimizer(spec, [*model.parameters(), temperature]).param_groups
        for parameter in group["params"]
    }
    assert [found[id(parameter)] for parameter in (*model.parameters(), temperature)] == [0.1, 0, 0, 0, 0.1, 0, 0]
    everything = build_optimizer(spec.model_copy(update={"decay": "all"}), model.parameters())
    assert [group["weight_decay"] for group in everything.param_groups] == [0.1]
