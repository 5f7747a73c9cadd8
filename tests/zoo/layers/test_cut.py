"""Networks cut in two: both halves together are the network, with its own weights, and it does not notice."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torchvision import models
from torchvision.models import VisionTransformer

from kdbench.zoo import NotApplicable, trace
from kdbench.zoo.layers.cut import after, between, up_to
from kdbench.zoo.layers.taps import STAGES, outputs, tapped
from kdbench.zoo.models.cnn import cnn
from kdbench.zoo.models.mlp import mlp
from kdbench.zoo.models.resnet_cifar import resnet_cifar

SHAPE = (3, 64, 64)
IMAGES = torch.randn(2, *SHAPE, generator=torch.Generator().manual_seed(0))
NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "resnet18": models.resnet18,
    "mobilenet_v2": models.mobilenet_v2,
    "densenet121": models.densenet121,
    "shufflenet_v2_x1_0": models.shufflenet_v2_x1_0,
    "cnn": partial(cnn, 5, SHAPE, width=4),
    "mlp": partial(mlp, 5, SHAPE, hidden=(9, 7), dropout=0.5),
    "resnet_cifar": partial(resnet_cifar, 5, SHAPE, depth=14),
}


def build(name: str) -> nn.Module:
    torch.manual_seed(0)
    model = NETWORKS[name]()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):  # as after training: neither 0 nor 1
            nn.init.uniform_(module.running_mean, -0.1, 0.1)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
    return model


def weights(*parts: nn.Module) -> list[int]:
    return sorted(id(p) for part in parts for p in part.parameters())


@pytest.mark.parametrize("layer", STAGES)
@pytest.mark.parametrize("name", NETWORKS)
def test_the_halves_are_the_network_and_hold_its_own_weights(name: str, layer: str) -> None:
    model = build(name)
    traced = trace(model, SHAPE)
    modules, state = dict(model.named_modules()), {key: value.clone() for key, value in model.state_dict().items()}
    before, behind = up_to(traced, layer), after(traced, layer)
    assert weights(before, behind) == weights(model)  # each once, none copied
    assert {key for part in (before, behind) for key in part.state_dict()} == state.keys()
    assert dict(model.named_modules()) == modules
    assert all(module.training for module in modules.values())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in modules.values())

    model.eval()
    with torch.no_grad(), tapped(model, traced, (layer,)) as features:
        expected = outputs(model, IMAGES, features)
    with torch.no_grad():
        read = before.eval()(IMAGES)
        assert torch.equal(read, expected.features[layer])
        assert tuple(read.shape[1:]) == traced.shape(layer)
        assert torch.equal(behind.eval()(read), expected.logits)
    for key, value in model.state_dict().items():
        assert torch.equal(value, state[key])


def test_the_halves_learn_with_the_network() -> None:
    model = build("resnet_cifar")
    before = up_to(trace(model, SHAPE), "last").eval()
    old = before(IMAGES)
    with torch.no_grad():
        model.conv1.weight.mul_(2)
        model.stage1[0].bn1.bias.add_(1)
    assert not torch.allclose(before(IMAGES), old)


def test_modes_reach_the_shared_layers_and_the_own_modes_of_the_network_are_kept() -> None:
    model = build("densenet121")
    model.features.denseblock1.eval()
    modes = {name: module.training for name, module in model.named_modules()}
    before = up_to(trace(model, SHAPE), "last")
    assert {name: module.training for name, module in model.named_modules()} == modes
    assert len(set(modes.values())) == 2
    before.eval()
    assert not model.features.norm0.training
    before.train()
    assert model.features.norm0.training


def test_dropout_of_a_half_is_off_whatever_mode_the_network_was_in() -> None:
    class Dropping(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.head = nn.Linear(48, 8), nn.Linear(8, 3)

        def forward(self, images: Tensor) -> Tensor:
            hidden = self.body(images.flatten(1))
            return self.head(nn.functional.dropout(hidden, 0.5, self.training))

    model = Dropping().train()
    traced, images = trace(model, (3, 4, 4)), torch.randn(2, 3, 4, 4)
    logits = after(traced, "body")(up_to(traced, "body")(images))
    assert torch.equal(logits, model.eval()(images))


@pytest.mark.parametrize("layer", ["before:last", "layer2.0.conv1", "relu"])
def test_any_layer_before_which_nothing_else_is_read(layer: str) -> None:
    model = build("resnet18").eval()
    traced = trace(model, SHAPE)
    if layer == "layer2.0.conv1":  # the block's shortcut goes around it
        with pytest.raises(
            NotApplicable, match=r"what follows the layer 'layer2\.0\.conv1' needs more than its features"
        ):
            after(traced, layer)
        with torch.no_grad():
            expected = model.layer2[0].conv1(up_to(traced, "layer1")(IMAGES))
            assert torch.equal(up_to(traced, layer)(IMAGES), expected)
        return
    with torch.no_grad():
        read = up_to(traced, layer)(IMAGES)
        assert (read.min() < 0) == (layer == "before:last")
        assert torch.equal(after(traced, layer)(read.clone()), model(IMAGES))


def test_unknown_layers_are_told_with_the_nearest() -> None:
    traced = trace(build("cnn"), SHAPE)
    for cut in (up_to, after):
        with pytest.raises(NotApplicable, match="no layer 'lats' in this model; did you mean 'last'"):
            cut(traced, "lats")


def test_code_that_torch_fx_cannot_follow_is_told() -> None:
    class Deciding(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.head = nn.Linear(48, 8), nn.Linear(8, 3)

        def forward(self, images: Tensor) -> Tensor:
            hidden = self.body(images.flatten(1))
            return self.head(hidden if hidden.sum() > 0 else -hidden)

    model = Deciding().train()
    traced = trace(model, (3, 4, 4))
    for cut in (up_to, after):
        with pytest.raises(
            NotApplicable, match=r"torch\.fx cannot follow this model's code, so it cannot be cut: symbol"
        ):
            cut(traced, "body")
    assert all(module.training for module in model.modules())


def test_a_layer_inside_a_module_of_torch_has_no_call_of_its_own() -> None:
    class Attending(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = nn.TransformerEncoderLayer(16, 2, 8, batch_first=True)
            self.head = nn.Linear(16, 3)

        def forward(self, images: Tensor) -> Tensor:
            return self.head(self.encoder(images.flatten(2)).mean(1))

    model = Attending()
    with torch.no_grad():
        traced = trace(model.train(), (3, 4, 4))
    inner = [name for name in traced.shapes if name.startswith("encoder.")]
    assert inner
    for layer in inner:
        with pytest.raises(NotApplicable, match=rf"torch\.fx finds no call of '{layer}' in this model"):
            up_to(traced, layer)
    read = up_to(traced, "encoder").eval()(torch.ones(2, 3, 4, 4))
    assert read.shape == (2, 3, 16)


def test_checks_of_the_images_do_not_tie_a_head_to_them() -> None:
    transformer = VisionTransformer(32, 8, num_layers=2, num_heads=2, hidden_dim=8, mlp_dim=16, num_classes=5).eval()
    traced, images = trace(transformer, (3, 32, 32)), torch.randn(2, 3, 32, 32)
    body, head = up_to(traced, "embedding"), after(traced, "embedding")
    with torch.no_grad():
        torch.testing.assert_close(head(body(images)), transformer(images))


@pytest.mark.parametrize("name", ["resnet18", "cnn", "mlp", "resnet_cifar"])
def test_the_part_between_two_layers_joins_what_is_before_and_after(name: str) -> None:
    model = build(name).eval()
    traced = trace(model, SHAPE)
    parts = up_to(traced, "first"), between(traced, "first", "last"), after(traced, "last")
    features = IMAGES
    with torch.no_grad():
        for part in parts:
            features = part(features.clone())  # a part may begin with an activation in place
        assert torch.equal(features, model(IMAGES))


def test_there_is_no_part_between_a_layer_and_an_earlier_one() -> None:
    traced = trace(build("cnn"), SHAPE)
    with pytest.raises(NotApplicable, match="cannot be cut there"):
        between(traced, "fc1", "conv1")
    nested = trace(build("mobilenet_v2"), SHAPE)  # its last stage is all of its features
    with pytest.raises(NotApplicable, match="cannot be cut there"):
        between(nested, "first", "last")
