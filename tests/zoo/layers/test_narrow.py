import pytest
import torch
from torch import Tensor, nn

from kdbench.zoo.layers.narrow import Narrow, narrowed
from kdbench.zoo.models.cnn import cnn
from kdbench.zoo.models.mlp import mlp

SHAPE = (1, 8, 8)


class Scaled(nn.Module):
    """Its last linear layer does not give its logits."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(64, 6)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.layer(images.flatten(1))
        return logits / logits.norm(dim=1, keepdim=True)


@pytest.mark.parametrize("build", [lambda: cnn(6, SHAPE, width=2), lambda: mlp(6, SHAPE, hidden=(5,)), Scaled])
def test_some_logits_of_a_network(build) -> None:
    torch.manual_seed(0)
    model, images = build().eval(), torch.randn(3, *SHAPE)
    small = narrowed(model, (4, 1), SHAPE)
    torch.testing.assert_close(small(images), model(images)[:, [4, 1]])
    assert isinstance(small, Narrow) == isinstance(model, Scaled)
    assert model(images).shape == (3, 6)


def test_a_narrowed_network_computes_no_other_logits() -> None:
    small = narrowed(mlp(6, SHAPE, hidden=(5,)), (0, 1), SHAPE)
    alone = mlp(2, SHAPE, hidden=(5,))
    assert {n: p.shape for n, p in small.named_parameters()} == {n: p.shape for n, p in alone.named_parameters()}


def test_all_columns_in_order_are_the_network_itself() -> None:
    model = mlp(3, SHAPE, hidden=(5,))
    assert narrowed(model, (0, 1, 2), SHAPE) is model
    assert narrowed(model, (0, 2, 1), SHAPE) is not model
