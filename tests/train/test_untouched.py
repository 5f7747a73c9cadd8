"""A loss and a view leave alone what others are given; a loss gives a scalar; models are made anew at each call."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from kdbench.spec import Choice, Lesson
from kdbench.train.build import BuiltView, Criterion, build_model
from kdbench.train.instruction import Instruction
from kdbench.train.untouched import untouched
from kdbench.zoo.catalog import Catalog
from kdbench.zoo.interface import Draw, Moment, NotApplicable, Outputs

MOMENT = Moment(0.0, 1, Draw(0, 0, torch.arange(4)), torch.arange(4))


def by_numpy(given: Tensor) -> None:
    given.numpy()[:2] = 0


def by_data(given: Tensor) -> None:
    given.data.mul_(3)


@pytest.mark.parametrize("write", [by_numpy, by_data, Tensor.zero_])
def test_writes_are_found_whatever_their_way(write: Callable[[Tensor], object]) -> None:
    with untouched([torch.tensor([1.0, torch.nan, torch.inf]), None], "the labels"):
        pass
    given = torch.arange(1, 5)
    with (
        pytest.raises(NotApplicable, match="it writes into the labels, which others are given"),
        untouched([torch.ones(2), given], "the labels"),
    ):
        write(given)


@pytest.mark.parametrize("write", [by_numpy, by_data])
@pytest.mark.parametrize("into", ["labels", "teacher"])
def test_a_loss_that_writes_is_refused(write: Callable[[Tensor], None], into: str) -> None:
    def loss(student: Outputs, teacher: Outputs, labels: Tensor) -> Tensor:
        write(labels if into == "labels" else teacher.logits)
        return student.logits.sum()

    instruction = Instruction(Lesson(loss=Choice(use="kd")), Criterion(loss, ("student", "teacher", "labels")))
    logits = torch.ones(4, 3)
    with pytest.raises(NotApplicable, match="it writes into the labels or what its teacher gives"):
        instruction._called(Outputs(logits), Outputs(logits.clone()), torch.arange(1, 5), MOMENT)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (lambda logits: logits.mean(dim=1), r"it gives \[4\] in place of a scalar"),
        (lambda logits: float(logits.detach().mean()), "it gives a float in place of a scalar"),
        (lambda logits: logits.detach().mean(), "its value does not depend on the student"),
    ],
)
def test_a_loss_gives_a_scalar_of_the_student(value: Callable[[Tensor], Tensor], reason: str) -> None:
    instruction = Instruction(
        Lesson(loss=Choice(use="kd")), Criterion(lambda student: value(student.logits), ("student",))
    )
    with pytest.raises(NotApplicable, match=reason):
        instruction._called(Outputs(torch.ones(4, 3, requires_grad=True)), None, None, MOMENT)


def test_a_view_that_writes_is_refused() -> None:
    view = BuiltView(lambda images: images.mul_(2), ("images",), None)
    with pytest.raises(NotApplicable, match="it writes into the images"):
        view(torch.ones(2, 1, 4, 4), MOMENT.draw)


KEPT: list[nn.Module] = []


def kept(classes: int, shape: tuple[int, int, int]) -> nn.Module:
    """The same layers at each call, in another container."""
    if not KEPT:
        KEPT.append(nn.Linear(shape[0] * shape[1] * shape[2], classes))
    return nn.Sequential(nn.Flatten(), KEPT[0])


def test_a_model_that_is_not_made_anew_is_refused() -> None:
    choice, catalog = Choice(use=f"{__name__}:kept"), Catalog((__name__,))
    build_model(choice, catalog, 3, (1, 2, 2), 0)
    with pytest.raises(NotApplicable, match="it gives weights that it gave before"):
        build_model(choice, catalog, 3, (1, 2, 2), 0)
