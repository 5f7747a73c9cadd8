"""Channels-last in the backward pass: the same gradients bit for bit, in the layout that is fast."""

import pytest
import torch
from torch import Tensor, nn

from kdbench.train.channels_last import keep_channels_last
from kdbench.zoo.models.cnn import cnn
from kdbench.zoo.models.resnet_cifar import resnet_cifar

SHAPE = (3, 16, 16)
LAST = torch.channels_last


class Averages(nn.Module):
    """Every kind of pooling, one of which gives a tuple."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.average, self.adaptive = nn.AvgPool2d(2), nn.AdaptiveAvgPool2d(4)
        self.max = nn.MaxPool2d(2, return_indices=True)
        self.head = nn.Linear(8 * 4, 5)

    def forward(self, images: Tensor) -> Tensor:
        seen = self.adaptive(self.second(self.average(self.first(images))))
        found: Tensor = self.head(self.max(seen)[0].flatten(1))
        return found


def make(kind: str) -> nn.Module:
    torch.manual_seed(0)
    model = {"cnn": lambda: cnn(5, SHAPE, width=4), "resnet": lambda: resnet_cifar(5, SHAPE, depth=8)}
    return (model[kind]() if kind in model else Averages()).to(memory_format=LAST)


def gradients(kind: str, kept: bool) -> tuple[list[Tensor], list[bool]]:
    """All gradients of one step, and whether those that reach each max pooling are channels-last."""
    model = make(kind)
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(6, *SHAPE, generator=generator).contiguous(memory_format=LAST)
    last: list[bool] = []

    def look(_: nn.Module, __: object, gave: Tensor | tuple[Tensor, Tensor]) -> None:
        pooled = gave if isinstance(gave, Tensor) else gave[0]
        assert pooled.grad_fn
        pooled.grad_fn.register_prehook(lambda came: last.append(came[0].is_contiguous(memory_format=LAST)))

    for module in model.modules():
        if isinstance(module, nn.MaxPool2d):
            module.register_forward_hook(look)

    def step() -> None:
        model(images).square().sum().backward()

    if kept:
        with keep_channels_last(model):
            step()
    else:
        step()
    return [parameter.grad for parameter in model.parameters() if parameter.grad is not None], last


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.mark.parametrize("kind", ["cnn", "resnet", "averages"])
def test_no_gradient_changes_by_a_bit(kind: str) -> None:
    kept, plain = gradients(kind, True)[0], gradients(kind, False)[0]
    assert len(kept) == len(plain) > 0
    assert all(torch.equal(one, other) for one, other in zip(kept, plain, strict=True))


def test_gradients_reach_pooling_in_channels_last() -> None:
    assert gradients("cnn", True)[1] == [True, True]
    assert not all(gradients("cnn", False)[1])  # else there would be no need for it


def hooks(model: nn.Module) -> int:
    return sum(len(module._forward_hooks) for module in model.modules())


def test_no_hook_is_left_behind() -> None:
    model = make("cnn")
    with keep_channels_last(model):
        assert hooks(model) == 2
    assert hooks(model) == 0
    with pytest.raises(RuntimeError), keep_channels_last(model):
        raise RuntimeError
    assert hooks(model) == 0


def test_outputs_without_gradient_or_in_another_layout_are_let_be() -> None:
    model = make("cnn")
    with keep_channels_last(model):
        with torch.no_grad():
            model(torch.zeros(2, *SHAPE))
        model.to(memory_format=torch.contiguous_format)
        model(torch.zeros(2, *SHAPE)).sum().backward()
