import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from kdbench.zoo import NotApplicable
from kdbench.zoo.models.cnn import cnn
from kdbench.zoo.models.from_torchvision import from_torchvision
from kdbench.zoo.models.mlp import mlp
from kdbench.zoo.models.resnet_cifar import resnet_cifar
from kdbench.zoo.taps import outputs, tapped, trace

SHAPE = (3, 32, 32)


class Shared(nn.Module):
    """As tutorials write it: one pooling layer used twice, flattening and ReLU as functions."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, padding=1)
        self.conv2 = nn.Conv2d(4, 6, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.fc = nn.Linear(6 * 8 * 8, 5)

    def forward(self, images: Tensor) -> Tensor:
        images = self.pool(functional.relu(self.conv1(images)))
        images = self.pool(functional.relu(self.conv2(images)))
        return self.fc(images.flatten(1))


@pytest.mark.parametrize(
    ("name", "stages", "embedding"),
    [
        ("resnet18", ("relu", "layer1", "layer2", "layer3"), 512),
        ("mobilenet_v2", ("features.1", "features.3", "features.6", "features.13"), 1280),
    ],
)
def test_stages_of_torchvision_models(name: str, stages: tuple[str, ...], embedding: int) -> None:
    traced = trace(from_torchvision(10, SHAPE, name), SHAPE)
    assert traced.stages == stages
    assert traced.shape("embedding") == (embedding,)
    assert [traced.resolve(layer).module for layer in ("first", "middle", "last")] == [stages[0], stages[2], stages[3]]
    assert [traced.shape(stage)[1:] for stage in stages] == [(16, 16), (8, 8), (4, 4), (2, 2)]


def test_stages_of_our_own_models() -> None:
    assert trace(cnn(10, SHAPE), SHAPE).stages == ("relu1", "relu2", "pool2")
    traced = trace(resnet_cifar(10, SHAPE, depth=8, width_factor=4), SHAPE)
    assert traced.stages == ("stage1", "stage2", "stage3")
    assert [traced.shape(s) for s in traced.stages] == [(64, 32, 32), (128, 16, 16), (256, 8, 8)]


def test_stages_of_an_mlp_are_its_hidden_layers_after_activation_before_dropout() -> None:
    model = mlp(10, (1, 8, 8), hidden=(16, 16, 12), dropout=0.5)  # equal widths are two layers all the same
    traced = trace(model, (1, 8, 8))
    assert [type(model.get_submodule(stage)).__name__ for stage in traced.stages] == ["ReLU"] * 3
    assert [traced.shape(layer) for layer in ("first", "middle", "last", "embedding")] == [(16,), (16,), (12,), (12,)]


def test_a_linear_classifier_has_no_stages() -> None:
    traced = trace(mlp(10, (1, 8, 8), hidden=()), (1, 8, 8))
    assert traced.shape("embedding") == (64,)
    with pytest.raises(NotApplicable, match=r"no layer 'middle' in this model; .*allowed: 0, 1, embedding"):
        traced.resolve("middle")


def test_pooling_up_makes_no_stage() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 32), nn.AdaptiveAvgPool2d(7), nn.Flatten(), nn.Linear(196, 2))
    assert trace(nn.Sequential(nn.Conv2d(3, 3, 3, stride=2), *model[1:2]), SHAPE).stages == ("0", "1")  # 15 down to 7
    up = nn.Sequential(nn.AvgPool2d(8), nn.AdaptiveAvgPool2d(1), nn.AdaptiveAvgPool2d(7))  # 4, 1, up to 7
    assert trace(up, SHAPE).stages == ("0",)


def test_a_layer_that_runs_twice_counts_as_it_ran_last() -> None:
    torch.manual_seed(0)
    model = Shared()
    traced = trace(model, SHAPE)
    assert list(traced.shapes) == ["conv1", "conv2", "pool", "fc"]
    assert traced.stages == ("conv1", "conv2", "pool")
    images = torch.randn(2, *SHAPE)
    with tapped(model, traced, ("pool", "embedding")) as features:
        model(images)
    assert features["pool"].shape == (2, 6, 8, 8)
    torch.testing.assert_close(features["embedding"], features["pool"].flatten(1))  # though no module flattens


def test_features_are_keyed_by_the_names_as_given() -> None:
    model = cnn(10, SHAPE, width=2)
    traced = trace(model, SHAPE)
    images = torch.randn(4, *SHAPE)
    with tapped(model, traced, ("middle", "relu2", "embedding", "middle")) as features:
        given = outputs(model, images, features)
    assert set(given.features) == {"middle", "relu2", "embedding"}
    assert torch.equal(given.features["middle"], given.features["relu2"])
    torch.testing.assert_close(model.fc2(given.features["embedding"]), given.logits)
    model(images)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_unknown_layers_leave_no_hooks_behind() -> None:
    model = cnn(10, SHAPE, width=2)
    with (
        pytest.raises(NotApplicable, match="did you mean 'relu1'"),
        tapped(model, trace(model, SHAPE), ("first", "rel1")),
    ):
        pass
    assert not any(module._forward_hooks for module in model.modules())


@pytest.mark.parametrize("training", [True, False])
def test_outputs_overwritten_in_place_are_what_the_layer_gave(training: bool) -> None:
    torch.manual_seed(0)
    model = from_torchvision(10, SHAPE, "resnet18").train(training)
    traced = trace(model, SHAPE)
    # bn1 is followed by an in-place ReLU; layer1.0.bn2 by `out += identity` and then an in-place ReLU.
    assert {"bn1", "layer1.0.bn2"} <= traced.overwritten
    assert not {"relu", "layer1", "layer2", "layer1.0"} & traced.overwritten  # no copy where none is needed
    with tapped(model, traced, ("conv1", "bn1", "relu", "layer1.0.conv2", "layer1.0.bn2")) as features:
        model(torch.randn(4, *SHAPE))
    assert features["bn1"].min() < 0  # not cut off by the ReLU
    torch.testing.assert_close(features["relu"], features["bn1"].relu())
    for conv, bn in (("conv1", "bn1"), ("layer1.0.conv2", "layer1.0.bn2")):
        torch.testing.assert_close(model.get_submodule(bn)(features[conv]), features[bn], rtol=1e-3, atol=1e-4)


def test_gradients_flow_through_every_tap() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(3600, 2)
    )
    traced = trace(model, SHAPE)
    with tapped(model, traced, ("0", "1", "2", "embedding")) as features:
        model(torch.randn(4, *SHAPE))
    for layer, feature in features.items():
        (gradient,) = torch.autograd.grad(feature.square().sum(), model[0].weight, retain_graph=True)
        assert gradient.abs().max() > 0, layer


def test_tracing_leaves_the_model_as_it_was() -> None:
    model = from_torchvision(10, SHAPE, "mobilenet_v2").train()
    model.features[3].eval()  # a frozen part stays frozen
    modes = [module.training for module in model.modules()]
    state = {name: value.clone() for name, value in model.state_dict().items()}
    random = torch.get_rng_state()
    trace(model, SHAPE)
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert torch.equal(random, torch.get_rng_state())
    assert not any(module._forward_hooks for module in model.modules())


def test_a_layer_that_a_pass_skips_does_not_answer_with_an_older_batch() -> None:
    class Sometimes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.outer, self.skip = nn.Linear(3072, 4), nn.Linear(4, 2), False

        def forward(self, images: Tensor) -> Tensor:
            return self.outer(images.flatten(1)[:, :4] if self.skip else self.inner(images.flatten(1)))

    model = Sometimes()
    with tapped(model, trace(model, SHAPE), ("inner",)) as features:
        assert "inner" in outputs(model, torch.zeros(1, *SHAPE), features).features
        model.skip = True
        assert "inner" not in outputs(model, torch.zeros(1, *SHAPE), features).features
