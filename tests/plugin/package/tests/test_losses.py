"""The contract that kdbench holds its own losses against, here against ours."""

from math import log

import pytest
import torch
from studious.losses import Probe, jeffreys

from kdbench.zoo import BrokenContract, Outputs, check_loss


@pytest.mark.parametrize("loss", [jeffreys, "jeffreys"], ids=["callable", "entry point"])
def test_the_loss_holds_kdbenchs_contract(loss: object) -> None:
    check_loss(loss)
    check_loss(loss, temperature=4.0, weight=1.0)


@pytest.mark.parametrize("loss", [Probe, "probe"], ids=["callable", "entry point"])
def test_the_loss_with_weights_holds_it_too(loss: object) -> None:
    check_loss(loss)


def test_the_contract_finds_a_wrong_sign() -> None:
    with pytest.raises(BrokenContract, match="loss 'jeffreys' breaks the clause"):
        check_loss(jeffreys, weight=-1.0)


def test_value_by_hand() -> None:
    # p_s = (1/2, 1/2), p_t = (1/3, 2/3): sum (p_t - p_s)(log p_t - log p_s) = 1/6 (log 4/3 - log 2/3) = 1/6 log 2
    student, teacher = Outputs(torch.zeros(1, 2)), Outputs(torch.tensor([[0.0, log(2)]]))
    value = jeffreys(student, teacher, torch.tensor([0]), temperature=1.0, weight=1.0)
    assert value.item() == pytest.approx((1 / 6 + 1) * log(2))  # and CE log 2
