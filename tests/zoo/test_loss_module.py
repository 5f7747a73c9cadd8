"""The base of losses that are classes: the layers it reads, its defaults, and the refusal of another base."""

import pytest
import torch
from torch import nn

from kdbench.spec import Choice, Lesson, UserError
from kdbench.train.build import build_criterion
from kdbench.zoo import Draw, LossModule, NotApplicable, Outputs, check_loss, trace
from kdbench.zoo.catalog import Catalog
from kdbench.zoo.loss_module import is_loss_module
from kdbench.zoo.losses.fitnet import FitNet
from kdbench.zoo.losses.kd import kd
from kdbench.zoo.models.mlp import mlp

STUDENT, TEACHER = (trace(mlp(2, (1, 4, 4), hidden=(width,)), (1, 4, 4)) for width in (3, 5))


class Bare(nn.Module):
    """A loss of no base."""

    def __init__(self, student, teacher) -> None:
        super().__init__()

    def forward(self, student: Outputs, labels: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(student.logits, labels)


def test_defaults() -> None:
    loss, student = LossModule(STUDENT, None), nn.Linear(2, 2)
    assert loss.student_layers == loss.teacher_layers == ()
    assert loss.initialization(240) == 0
    assert loss.deployed(student) is student


@pytest.mark.parametrize("layers", [(("lasst",), ("last",)), (("last",), ("lasst",))])
def test_a_layer_that_a_network_lacks_is_not_applicable(layers) -> None:
    with pytest.raises(NotApplicable, match="no layer 'lasst' in this model; did you mean 'last'"):
        LossModule(STUDENT, TEACHER, *layers)


def test_features_are_paired_in_float32_and_the_teachers_have_no_gradient() -> None:
    loss = LossModule(STUDENT, TEACHER, ("first", "last"), ("last", "embedding"))
    features = [{layer: torch.full((1, 2), value, dtype=torch.bfloat16, requires_grad=True)
                 for layer, value in zip(layers, (value, value + 1), strict=True)}
                for layers, value in (((loss.student_layers), 1.0), ((loss.teacher_layers), 5.0))]  # fmt: skip
    pairs = loss.paired_features(*(Outputs(torch.zeros(1, 2), given) for given in features))
    assert [(own.unique().tolist(), other.unique().tolist()) for own, other in pairs] == [([1], [5]), ([2], [6])]
    assert all(own.dtype == other.dtype == torch.float32 for own, other in pairs)
    assert all(own.requires_grad and not other.requires_grad for own, other in pairs)


def test_what_it_tells_is_read_as_a_mean_and_then_forgotten() -> None:
    loss = LossModule(STUDENT, TEACHER)
    for temperature in (1.0, 2.0, 6.0):
        loss.tell("temperature", temperature)
    loss.tell("weight", torch.tensor(0.25, requires_grad=True))
    assert loss.readings() == {"temperature": 3.0, "weight": 0.25}
    assert loss.readings() == {}


def test_a_function_is_no_module_and_a_class_of_another_base_is_refused() -> None:
    assert is_loss_module(FitNet)
    assert not is_loss_module(kd)
    with pytest.raises(UserError, match=r"(?s)Bare' is a class, but not a LossModule.*derive it from kdbench.zoo.Lo"):
        is_loss_module(Bare)


def test_the_contract_and_the_training_refuse_it_alike() -> None:
    with pytest.raises(UserError, match="is a class, but not a LossModule"):
        check_loss(Bare)
    catalog = Catalog([__name__])
    lesson = Lesson(loss=Choice(use=f"{__name__}:Bare"))
    with pytest.raises(UserError, match="is a class, but not a LossModule"):
        build_criterion(lesson, catalog, STUDENT, (), Draw(0))
