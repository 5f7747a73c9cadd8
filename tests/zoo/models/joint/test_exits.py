"""exits: classifiers at several depths; each exit computes no more than it needs, and the last is the plain network."""

import pytest
import torch

from kdbench.spec import Choice
from kdbench.train.build import build_model
from kdbench.zoo.catalog import Catalog
from kdbench.zoo.models.joint.exits import Exits

SHAPE = (1, 8, 8)
IMAGES = torch.randn(5, *SHAPE, generator=torch.Generator().manual_seed(0))
INNER = {
    "cnn": {"use": "cnn", "options": {"width": 2}},
    "mlp": {"use": "mlp", "options": {"hidden": [7, 6]}},
    "resnet": {"use": "resnet_cifar", "options": {"depth": 8}},
}


def build(of: str, at: list[str]) -> Exits:
    model = build_model(Choice(use="exits", options={"of": INNER[of], "at": at}), Catalog(), 12, SHAPE, seed=3)
    assert isinstance(model, Exits)
    return model.eval()


@pytest.mark.parametrize(("of", "at"), [("cnn", ["first", "middle"]), ("mlp", ["first", "last"]), ("resnet", ["first", "middle"])])  # fmt: skip
def test_each_exit_alone_gives_its_own_logits(of: str, at: list[str]) -> None:
    model = build(of, at)
    plain = build_model(Choice.model_validate(INNER[of]), Catalog(), 4, SHAPE, seed=3).eval()
    logits = model(IMAGES)
    parts = [model.deployed(head).eval() for head in model.heads]
    for number, part in enumerate(parts):
        torch.testing.assert_close(part(IMAGES), logits[:, 4 * number : 4 * number + 4])
    torch.testing.assert_close(parts[-1](IMAGES), plain(IMAGES))
    sizes = [sum(value.numel() for value in part.parameters()) for part in parts]
    assert sizes[0] < sizes[1]


def test_the_shallow_exit_has_nothing_of_what_follows_it() -> None:
    model = build("cnn", ["relu1"])
    names = {name for name, _ in model.deployed("exit 1").named_parameters()}
    assert any("conv1" in name for name in names)
    assert not any("conv2" in name or "fc" in name for name in names)


def test_every_exit_teaches_the_layers_before_it() -> None:
    model = build("cnn", ["first", "middle"]).train()
    model(IMAGES)[:, :4].sum().backward()
    gradients = {name for name, value in model.named_parameters() if value.grad is not None and value.grad.any()}
    assert gradients == {name for name in gradients if name.startswith(("parts.0", "classifiers.0"))} != set()
