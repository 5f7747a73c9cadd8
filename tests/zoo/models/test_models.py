import pytest
import torch
from torch import nn

from kdbench.spec.signature import fill_options
from kdbench.zoo import NotApplicable
from kdbench.zoo.catalog import Catalog
from kdbench.zoo.models.cnn import cnn
from kdbench.zoo.models.from_torchvision import from_torchvision
from kdbench.zoo.models.mlp import mlp
from kdbench.zoo.models.resnet_cifar import resnet_cifar


def count(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize(
    ("classes", "shape", "hidden", "parameters"),
    [
        # inputs * width + width for each layer: 784*128 + 128 + 128*64 + 64 + 64*10 + 10
        (10, (1, 28, 28), (128, 64), 109_386),
        (10, (1, 28, 28), (128,), 101_770),
        (10, (1, 28, 28), (64,), 50_890),
        (10, (3, 32, 32), (128,), 394_634),
        (10, (10, 1, 1), (100, 100), 12_210),
        (10, (10, 1, 1), (50,), 1_060),
        (10, (1, 8, 8), (), 650),
    ],
)
def test_mlp_sizes(classes, shape, hidden, parameters) -> None:
    model = mlp(classes, shape, hidden=hidden)
    assert count(model) == parameters
    assert model(torch.zeros(2, *shape)).shape == (2, classes)


def test_mlp_dropout_adds_no_parameters() -> None:
    model = mlp(10, (1, 8, 8), hidden=(16, 8), dropout=0.25)
    assert [m.p for m in model if isinstance(m, nn.Dropout)] == [0.25, 0.25]
    assert count(model) == count(mlp(10, (1, 8, 8), hidden=(16, 8)))


@pytest.mark.parametrize("shape", [(1, 4, 4), (1, 8, 8), (1, 28, 28), (3, 32, 32), (3, 5, 9)])
def test_cnn_takes_any_size_from_4(shape) -> None:
    assert cnn(7, shape, width=4)(torch.zeros(2, *shape)).shape == (2, 7)


def test_cnn_is_conv32_conv64_fc128() -> None:
    # 1*32*9+32, 32*64*9+64, 64*7*7*128+128, 128*10+10
    assert count(cnn(10, (1, 28, 28))) == 320 + 18_496 + 401_536 + 1_290


def test_cnn_refuses_smaller_images_with_a_reason() -> None:
    with pytest.raises(NotApplicable, match="at least 4x4 pixels, got 3x8"):
        cnn(10, (1, 3, 8))


@pytest.mark.parametrize(
    ("classes", "depth", "width_factor", "parameters"),
    [
        # Rounded: He's .27M, .85M, 1.7M for 10 classes, RepDistiller's 1.2M (8x4) and 7.4M (32x4) for 100. Exact here.
        (10, 20, 1, 272_474),
        (10, 56, 1, 855_770),
        (10, 110, 1, 1_730_714),
        (100, 20, 1, 278_324),
        (100, 56, 1, 861_620),
        (100, 110, 1, 1_736_564),
        (100, 8, 4, 1_233_540),
        (100, 32, 4, 7_433_860),
    ],
)
def test_resnet_has_the_published_size(classes, depth, width_factor, parameters) -> None:
    assert count(resnet_cifar(classes, (3, 32, 32), depth=depth, width_factor=width_factor)) == parameters


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32), (1, 28, 28)])
def test_resnet_takes_small_images(shape) -> None:
    assert resnet_cifar(10, shape, depth=8)(torch.randn(2, *shape)).shape == (2, 10)


@pytest.mark.parametrize("depth", [2, 9, 18, 52])
def test_a_depth_that_no_resnet_has_is_refused_when_a_suite_is_read(depth: int) -> None:
    ((name, problem),) = fill_options(Catalog().signature("models", "resnet_cifar"), {"depth": depth})[1]
    assert (name, problem.help) == ("depth", "allowed: 6n+2, as 8, 14, 20, 32, 44, 56, 110")


@pytest.mark.parametrize("build", [lambda: cnn(10, (1, 8, 8)), lambda: resnet_cifar(10, (1, 8, 8), depth=8)])
def test_the_seed_decides_the_weights(build) -> None:
    states = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        states.append(torch.cat([p.flatten() for p in build().parameters()]))
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("resnet152", (3, 32, 32)),
        ("mobilenet_v2", (3, 32, 32)),
        ("resnet18", (1, 28, 28)),
        ("vgg11", (1, 32, 32)),
        ("densenet121", (2, 32, 32)),
        ("googlenet", (3, 32, 32)),
    ],
)
def test_torchvision_models_as_they_come(name, shape) -> None:
    model = from_torchvision(7, shape, name)  # it has made a dry run itself
    assert model.training
    first = next(m for m in model.modules() if isinstance(m, nn.Conv2d))
    assert first.in_channels == shape[0]
    with torch.no_grad():
        assert model.eval()(torch.zeros(2, *shape)).shape == (2, 7)


def test_the_first_convolution_keeps_its_settings() -> None:
    grey, colour = (from_torchvision(10, (c, 32, 32), "resnet18").conv1 for c in (1, 3))
    for setting in ("out_channels", "kernel_size", "stride", "padding", "dilation", "groups", "padding_mode"):
        assert getattr(grey, setting) == getattr(colour, setting)
    assert grey.bias is None


@pytest.mark.parametrize(
    ("name", "shape", "reason"),
    [
        ("alexnet", (3, 32, 32), "'alexnet' cannot take images of 3x32x32: .*too small"),
        ("squeezenet1_1", (1, 8, 8), "cannot take images of 1x8x8"),
        ("fcn_resnet50", (3, 32, 32), "segmentation.* is not an image classifier"),
        ("r3d_18", (3, 32, 32), "video.* is not an image classifier"),
        ("resnet19", (3, 32, 32), "has no model 'resnet19'"),
    ],
)
def test_torchvision_says_why_not(name, shape, reason) -> None:
    with pytest.raises(NotApplicable, match=reason):
        from_torchvision(10, shape, name)
