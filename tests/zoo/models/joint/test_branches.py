"""branches: one trunk, and a gate that weighs what follows it; each branch is the plain network."""

import pytest
import torch

from kdbench.spec import Choice
from kdbench.train.build import build_model
from kdbench.zoo import NotApplicable
from kdbench.zoo.catalog import Catalog
from kdbench.zoo.models.joint.branches import Branches

SHAPE = (1, 8, 8)
IMAGES = torch.randn(5, *SHAPE, generator=torch.Generator().manual_seed(0))
INNER = {
    "cnn": {"use": "cnn", "options": {"width": 2}},
    "mlp": {"use": "mlp", "options": {"hidden": [7, 6]}},
    "resnet": {"use": "resnet_cifar", "options": {"depth": 8}},
}


def build(of: str, **options: object) -> Branches:
    choice = Choice(use="branches", options={"of": INNER[of], "count": 2, **options})
    model = build_model(choice, Catalog(), 12, SHAPE, seed=3)
    assert isinstance(model, Branches)
    return model.eval()


@pytest.mark.parametrize("of", INNER)
def test_each_branch_with_the_trunk_is_the_plain_network(of: str) -> None:
    model = build(of)
    plain = build_model(Choice.model_validate(INNER[of]), Catalog(), 4, SHAPE, seed=3)
    logits = model(IMAGES)
    for number, head in enumerate(("branch 1", "branch 2")):
        part = model.deployed(head).eval()
        assert {name: value.shape for name, value in part.state_dict().items()} == {
            name: value.shape for name, value in plain.state_dict().items()
        }
        torch.testing.assert_close(part(IMAGES), logits[:, 4 * number : 4 * number + 4])
    assert not torch.equal(logits[:, :4], logits[:, 4:8])


def test_the_gate_weighs_the_branches_by_shares_of_each_sample() -> None:
    model = build("cnn")
    one, two, gated = model(IMAGES).split(4, dim=1)
    shares = model.gate(model.trunk(IMAGES)).softmax(dim=1)
    torch.testing.assert_close(gated, shares[:, :1] * one + shares[:, 1:] * two)
    torch.testing.assert_close(model.deployed("gate")(IMAGES), gated)


def test_an_activation_in_place_behind_the_trunk_does_not_reach_other_branches() -> None:
    model = build("cnn", at="conv2")  # followed by a ReLU in place
    model.train()
    model(IMAGES).sum().backward()
    assert all(parameter.grad is not None for parameter in model.trunk.parameters())


def test_a_layer_that_there_is_not_is_refused() -> None:
    with pytest.raises(NotApplicable, match="no layer 'conv3'"):
        build("cnn", at="conv3")
