"""Networks that cannot be trained, or whose file could not be trusted, are told before anything is trained."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from kdbench.spec import Choice
from kdbench.train.build import build_model
from kdbench.train.rehearsing.examination import examine
from kdbench.zoo.catalog import Catalog
from kdbench.zoo.interface import NotApplicable

SHAPE = (1, 4, 4)


class Network(nn.Module):
    """A linear layer on the pixels; `change` is what the network does to logits and pixels beside."""

    def __init__(self, forward: Callable[["Network", Tensor], object]) -> None:
        super().__init__()
        self.layer = nn.Linear(16, 3)
        self.norm = nn.BatchNorm1d(16, track_running_stats=False)
        self.behave = forward

    def forward(self, images: Tensor) -> object:
        return self.behave(self, images)


def logits(network: Network, images: Tensor) -> Tensor:
    found = network.layer(images.flatten(1))
    assert isinstance(found, Tensor)
    return found


@pytest.mark.parametrize(
    ("forward", "reason"),
    [
        (lambda network, images: logits(network, images.relu_()), "it writes into its images"),
        (lambda network, images: (logits(network, images), images), r"it gives a tuple in place of logits \[4, 3\]"),
        (lambda network, images: {"logits": logits(network, images)}, "it gives a dict in place of logits"),
        (lambda network, images: images.flatten(1), r"it gives \[4, 16\] for 4 images in place of logits \[4, 3\]"),
        (lambda network, images: logits(network, images).mean(0), r"it gives \[3\] for 4 images"),
        (lambda network, images: functional.dropout(logits(network, images)), "its predictions depend on chance"),
        (lambda network, images: logits(network, images) - images.mean(), "depends on the other images of the batch"),
        (
            lambda network, images: (
                network.layer(network.norm(images.flatten(1))) if len(images) > 1 else logits(network, images)
            ),
            "depends on the other images of the batch",
        ),
        (
            lambda network, images: network.layer(network.norm(images.flatten(1))),
            r"it predicts no image alone: Expected more than 1 value per channel .* \(has a batch norm",
        ),
        (lambda network, images: network.layer(images.squeeze().flatten(1)), "it predicts no image alone: "),
        (lambda network, images: logits(network, images).softmax(dim=1), "it gives probabilities"),
    ],
)
def test_what_a_network_may_not_do(forward: Callable[[Network, Tensor], object], reason: str) -> None:
    with pytest.raises(NotApplicable, match=reason):
        examine(Network(forward), 3, SHAPE)


class Remembering(nn.Module):
    """Takes a running mean off its pixels: kept in a buffer that is saved, in one that is not, or in an attribute."""

    def __init__(self, kept: str) -> None:
        super().__init__()
        self.layer = nn.Linear(16, 3)
        if kept == "attribute":
            self.mean = torch.zeros(16)
        else:
            self.register_buffer("mean", torch.zeros(16), persistent=kept == "saved")

    def forward(self, images: Tensor) -> object:
        pixels = images.flatten(1)
        if self.training:
            self.mean = 0.99 * self.mean + 0.01 * pixels.mean(dim=0)
        return self.layer(pixels - self.mean)


@pytest.mark.parametrize("kept", ["attribute", "not saved"])
def test_what_training_changes_must_be_saved(kept: str) -> None:
    examine(Remembering("saved"), 3, SHAPE)
    with pytest.raises(NotApplicable, match="training changes what its state dict does not hold"):
        examine(Remembering(kept), 3, SHAPE)


def test_a_network_of_which_nothing_is_trained() -> None:
    with pytest.raises(NotApplicable, match="none of its weights is trained"):
        examine(Network(logits).requires_grad_(False), 3, SHAPE)


@pytest.mark.parametrize(
    ("use", "options"),
    [
        ("cnn", {"width": 4}),
        ("mlp", {"hidden": [8], "dropout": 0.5}),
        ("resnet_cifar", {"depth": 8}),
        ("torchvision:mobilenet_v2", {}),
    ],
)
def test_networks_of_the_catalog_pass_and_stay_as_they_are(use: str, options: dict[str, object]) -> None:
    choice = Choice.model_validate({"use": use, "options": options})
    model = build_model(choice, Catalog(), 10, (3, 32, 32), 0)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.random.get_rng_state()
    examine(model, 10, (3, 32, 32))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.random.get_rng_state(), state)
    assert model.training
