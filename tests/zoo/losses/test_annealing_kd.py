"""annealing_kd: the schedule and both phases by hand, and a training that ends on labels alone."""

from math import log

import pytest
import torch

from kdbench.zoo import Outputs, trace
from kdbench.zoo.interface import Draw, Moment
from kdbench.zoo.losses.annealing_kd import AnnealingKD
from kdbench.zoo.models.cnn import cnn
from tests.zoo.losses.training import assert_learns_alike_alone_and_beside, on_digits, train

SHAPE = (3, 8, 8)
TRACE = trace(cnn(2, SHAPE, width=4), SHAPE)
STUDENT, TEACHER = Outputs(torch.tensor([[1.0, 0.0]])), Outputs(torch.tensor([[0.0, 10.0]]))


def moment(epoch: float, epochs: int = 24) -> Moment:
    return Moment(epoch, epochs, Draw(0, 1, torch.arange(1)), torch.zeros(1, dtype=torch.int64))


@pytest.mark.parametrize(
    ("epoch", "temperature", "value"),
    [
        # 160 of 240 epochs are 16 of 24. The factor on z_t is 1 - (T - 1) / 10.
        (0.0, 10.0, (1 + 1) / 2),  # .1 of (0, 10) is (0, 1)
        (8.0, 5.5, (1 + 5.5**2) / 2),  # half of the way: .55 of it
        (15.999999, 1.0, (1 + 100) / 2),
    ],
)
def test_the_first_phase(epoch: float, temperature: float, value: float) -> None:
    loss = AnnealingKD(TRACE, TRACE)
    found = loss(STUDENT, TEACHER, torch.tensor([0]), moment(epoch)).item()
    assert found == pytest.approx(value, rel=1e-5)
    assert loss.readings() == pytest.approx({"teacher's weight": 1.0, "temperature": temperature}, rel=1e-5)


def test_the_second_phase_is_cross_entropy() -> None:
    loss = AnnealingKD(TRACE, TRACE, weight=3.0)
    uniform = Outputs(torch.zeros(1, 2))
    assert loss(uniform, TEACHER, torch.tensor([0]), moment(16.0)).item() == pytest.approx(log(2))
    assert loss.readings() == {"teacher's weight": 0.0}


def test_epochs_are_taken_as_they_are() -> None:
    loss = AnnealingKD(TRACE, TRACE, temperature=4.0, teacher_epochs=2.0)
    loss(STUDENT, TEACHER, torch.tensor([0]), moment(1.0))
    assert loss.readings()["temperature"] == pytest.approx(2.5)
    loss(STUDENT, TEACHER, torch.tensor([0]), moment(2.0))
    assert loss.readings() == {"teacher's weight": 0.0}


def test_the_curve_of_a_training_holds_the_schedule() -> None:
    (done,) = train(on_digits("annealing_kd"))  # three epochs, of which two are the first phase
    assert done.curve[0].readings == {}
    first, second, third = (point.readings for point in done.curve[1:])
    # Means over an epoch's steps: a little above 7.75 and 3.25, the middles of 10 to 5.5 and of 5.5 to 1.
    assert first["temperature"] == pytest.approx(7.75, abs=0.1)
    assert second["temperature"] == pytest.approx(3.25, abs=0.1)
    assert third == {"teacher's weight": 0.0}


def test_it_trains_alike_alone_and_in_a_cohort() -> None:
    assert_learns_alike_alone_and_beside(on_digits("annealing_kd"))
