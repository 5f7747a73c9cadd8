"""dynamic_temperature: temperatures by hand, kd where all samples are alike as an oracle, and a training."""

from math import log

import pytest
import torch

from kdbench.zoo import Outputs, trace
from kdbench.zoo.losses.dynamic_temperature import DynamicTemperature
from kdbench.zoo.losses.kd import kd
from kdbench.zoo.models.cnn import cnn
from tests.zoo.losses.training import assert_learns_alike_alone_and_beside, on_digits

SHAPE = (3, 8, 8)
TRACE = trace(cnn(2, SHAPE, width=4), SHAPE)

# The first student points where its teacher does, the second across: w is 0 and 1, its mean 1/2.
STUDENT = Outputs(torch.tensor([[log(2.0), 0.0], [1.0, 0.0]]))
TEACHER = Outputs(torch.tensor([[2 * log(2.0), 0.0], [0.0, 1.0]]))
LABELS = torch.tensor([0, 0])


def kl(p: float, q: float) -> float:
    """From (p, 1 - p) to (q, 1 - q)."""
    return p * log(p / q) + (1 - p) * log((1 - p) / (1 - q))


def test_by_hand() -> None:
    # T is 4 + 2 * (1/2 - w): 5 and 3.
    loss = DynamicTemperature(TRACE, TRACE, bias=2.0, ce_weight=0.0, weight=1.0)
    first = kl(4 ** (1 / 5) / (4 ** (1 / 5) + 1), 2 ** (1 / 5) / (2 ** (1 / 5) + 1))
    share = torch.tensor(1 / 3).sigmoid().item()
    second = kl(1 - share, share)
    value = loss(STUDENT, TEACHER, LABELS).item()
    assert value == pytest.approx((25 * first + 9 * second) / 2, rel=1e-5)
    assert loss.readings() == pytest.approx({"temperature": 4.0, "spread of temperatures": 1.0})


def test_it_stays_above_the_lowest() -> None:
    loss = DynamicTemperature(TRACE, TRACE, bias=100.0, lowest=1.5)
    assert torch.isfinite(loss(STUDENT, TEACHER, LABELS))
    assert loss.readings()["temperature"] == pytest.approx((54 + 1.5) / 2)


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
def test_students_that_are_all_alike_have_the_temperature_of_kd(gamma: float) -> None:
    one, two = torch.randn(2, 1, 5, generator=torch.Generator().manual_seed(0)).expand(2, 8, 5)
    labels = torch.arange(8) % 5
    value = DynamicTemperature(TRACE, TRACE, gamma=gamma)(Outputs(one), Outputs(two), labels)
    assert value.item() == pytest.approx(kd(Outputs(one), Outputs(two), labels).item(), rel=1e-5)


def test_no_gradient_passes_through_the_temperature() -> None:
    student = STUDENT.logits.clone().requires_grad_()
    DynamicTemperature(TRACE, TRACE, ce_weight=0.0)(Outputs(student), TEACHER, LABELS).backward()
    # Of T^2 KL the gradient is T (p_s - p_t), whatever T depends on; T is 9 and 1 clamped from -1.
    temperature = torch.tensor([[9.0], [1.0]])
    p_s, p_t = ((z / temperature).softmax(dim=1) for z in (STUDENT.logits, TEACHER.logits))
    assert torch.allclose(student.grad, 0.9 * temperature * (p_s - p_t) / 2, atol=1e-6)


def test_it_trains_alike_alone_and_in_a_cohort() -> None:
    assert_learns_alike_alone_and_beside(on_digits("dynamic_temperature"))
