"""Importance by hand, for a network of one weight an input, and the penalty that follows from it."""

import math

import pytest
import torch
from torch import nn

from kdbench.zoo.layers.anchor import Anchor, anchor_of


def test_the_penalty_by_hand() -> None:
    model = nn.Linear(2, 1, bias=False)
    model.weight = nn.Parameter(torch.tensor([[1.0, 3.0]]))
    anchor = Anchor({"weight": torch.tensor([[0.0, 1.0]])}, {"weight": torch.tensor([[4.0, 0.5]])})
    penalty = anchor.penalty(model)
    assert penalty.item() == pytest.approx((4 * 1 + 0.5 * 4) / 2)
    penalty.backward()  # type: ignore[no-untyped-call]
    assert model.weight.grad is not None
    assert model.weight.grad.tolist() == [[pytest.approx(4.0), pytest.approx(1.0)]]


def test_importance_is_the_diagonal_of_the_fisher_information() -> None:
    """Logits (w x, 0): d log p(1) / dw = (1 - p) x and d log p(2) / dw = -p x, so F = p (1 - p) x^2 for either weight."""
    model = nn.Linear(1, 2, bias=False)
    model.weight = nn.Parameter(torch.tensor([[math.log(3.0)], [0.0]]))  # p = 3/4 at x = 1, 9/10 at x = 2
    found = anchor_of(model, torch.tensor([[1.0], [2.0]]), (0, 1))
    expected = (3 / 4 * 1 / 4 * 1 + 9 / 10 * 1 / 10 * 4) / 2
    assert found.importance["weight"].flatten().tolist() == [pytest.approx(expected), pytest.approx(expected)]
    assert found.penalty(model).item() == 0


def test_columns_that_do_not_answer_have_no_importance() -> None:
    model = nn.Linear(1, 3, bias=False)
    found = anchor_of(model, torch.ones(1, 1), (0, 1)).importance["weight"]
    assert found[2].item() == 0
    assert (found[:2] > 0).all()
