"""teacher_annealing: both ends and the middle by hand, kd at a fixed weight as an oracle, and a training."""

from math import log

import pytest
import torch

from kdbench.zoo import Outputs, trace
from kdbench.zoo.interface import Draw, Moment
from kdbench.zoo.losses.kd import kd
from kdbench.zoo.losses.teacher_annealing import TeacherAnnealing
from kdbench.zoo.models.cnn import cnn
from tests.zoo.losses.training import assert_learns_alike_alone_and_beside, on_digits, train

SHAPE = (3, 8, 8)
TRACE = trace(cnn(2, SHAPE, width=4), SHAPE)
# p_t is (1/3, 2/3), p_s (1/2, 1/2): KL is 1/3 log 2/3 + 2/3 log 4/3 = 5/3 log 2 - log 3. CE is log 2.
STUDENT, TEACHER = Outputs(torch.zeros(1, 2)), Outputs(torch.tensor([[0.0, log(2.0)]]))
DIVERGENCE = 5 / 3 * log(2) - log(3)


def moment(epoch: float, epochs: int = 24) -> Moment:
    return Moment(epoch, epochs, Draw(0, 1, torch.arange(1)), torch.zeros(1, dtype=torch.int64))


@pytest.mark.parametrize(("epoch", "weight"), [(0.0, 1.0), (6.0, 0.75), (12.0, 0.5), (24.0, 0.0)])
def test_the_weight_falls_to_0(epoch: float, weight: float) -> None:
    loss = TeacherAnnealing(TRACE, TRACE, temperature=1.0)
    value = loss(STUDENT, TEACHER, torch.tensor([0]), moment(epoch)).item()
    assert value == pytest.approx(weight * DIVERGENCE + (1 - weight) * log(2), rel=1e-6)
    assert loss.readings() == pytest.approx({"teacher's weight": weight})


def test_at_each_moment_it_is_kd_with_these_weights() -> None:
    one, two = torch.randn(2, 8, 5, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(8) % 5
    value = TeacherAnnealing(TRACE, TRACE)(Outputs(one), Outputs(two), labels, moment(6.0))
    assert value.item() == pytest.approx(kd(Outputs(one), Outputs(two), labels, weight=0.75, ce_weight=0.25).item())


def test_the_curve_of_a_training_holds_the_weight() -> None:
    (done,) = train(on_digits("teacher_annealing"))
    weights = [point.readings["teacher's weight"] for point in done.curve[1:]]
    assert weights == pytest.approx([5 / 6, 3 / 6, 1 / 6], abs=0.01)  # the middles of three epochs


def test_it_trains_alike_alone_and_in_a_cohort() -> None:
    assert_learns_alike_alone_and_beside(on_digits("teacher_annealing"))
