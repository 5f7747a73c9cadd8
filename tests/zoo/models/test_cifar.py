"""The networks of the CIFAR-100 pairs: sizes as published, stages that taps find, and graphs that can be deployed."""

import math
import subprocess
import sys

import pytest
import torch
from torch import nn
from torchvision import models as torchvision_models

from kdbench.deploy.export.export import export_onnx
from kdbench.deploy.export.parity import check_parity
from kdbench.zoo import Catalog, NotApplicable
from kdbench.zoo.layers.taps import tapped, trace
from kdbench.zoo.models.channel_shuffle import shuffle_channels
from kdbench.zoo.models.cifar import cifar
from kdbench.zoo.models.cifar_names import CIFAR
from kdbench.zoo.models.mobilenet_v2_cifar import mobilenet_v2_cifar
from kdbench.zoo.models.resnet50_cifar import resnet50_cifar
from kdbench.zoo.models.shufflenet_v2_cifar import shufflenet_v2_cifar
from kdbench.zoo.models.vgg_cifar import vgg_cifar
from kdbench.zoo.models.wide_resnet import wide_resnet

SHAPE = (3, 32, 32)


def count(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


# Parameters for 100 classes, and the rounded figure in millions that the literature prints for RepDistiller's
# networks (arXiv:1910.10699); None where we know of none to two digits. One more block in each of three stages is
# 4,672 + 18,560 + 73,984 = 97,216 parameters, in resnet at width 1 as in wrn-*-1.
SIZES = {
    # stem 464, stages 4,672 + 14,528 + 57,728, linear 6,500
    "resnet8": (83_892, None),
    "resnet14": (83_892 + 97_216, None),
    "resnet20": (83_892 + 2 * 97_216, 0.28),
    "resnet32": (83_892 + 4 * 97_216, 0.47),
    "resnet44": (83_892 + 6 * 97_216, None),
    "resnet56": (83_892 + 8 * 97_216, 0.86),
    "resnet110": (83_892 + 17 * 97_216, 1.74),
    # stem 928; stages 57,728 (32 to 64 channels), 230,144, 919,040; linear 25,700
    "resnet8x4": (1_233_540, 1.23),
    # four more blocks in each stage: 73,984 + 295,424 + 1,180,672
    "resnet32x4": (1_233_540 + 4 * 1_550_080, 7.43),
    # stem 432; stages 2 x 4,672, 14,432 + 18,560, 57,536 + 73,984; batch norm 128, linear 6,500
    "wrn-16-1": (180_916, 0.18),
    "wrn-40-1": (180_916 + 4 * 97_216, 0.57),
    "wrn-16-2": (703_284, 0.70),
    # four more blocks in each stage: 18,560 + 73,984 + 295,424
    "wrn-40-2": (703_284 + 4 * 387_968, 2.26),
    # convolutions 1,792 + 73,856 + 295,168 + 1,180,160 + 2,359,808; batch norms 2,944; linear 51,300
    "vgg8": (3_965_028, 3.97),
    # one more in each stage, with batch norm: 37,056 + 147,840 + 590,592 + 2 x 2,360,832
    "vgg13": (3_965_028 + 5_497_152, 9.46),
    "mobilenet_v2": (812_836, 0.81),
    "shufflenet_v1": (949_258, 0.95),
    # torchvision's x1_0 has 2,278,604: less its linear layer of 1000 classes and its 3x3 stem, plus ours
    "shufflenet_v2": (2_278_604 - 1_025_000 - 648 + 102_500 + 72, 1.36),
    "shufflenet_v2_x1_5": (3_503_624 - 1_025_000 - 648 + 102_500 + 72, None),
    # torchvision's has 25,557,032: likewise, with a 7x7 stem there and a 3x3 one here
    "resnet50": (25_557_032 - 2_049_000 - 9_408 + 204_900 + 1_728, 23.71),
}


def test_every_name_has_a_size_here_and_a_word_in_the_docstring() -> None:
    assert SIZES.keys() == CIFAR.keys()
    doc = " ".join((cifar.__doc__ or "").split())
    listed = doc.partition("Names: ")[2].partition(".")[0].replace(" (of half width)", "")
    assert listed.split(", ") == list(CIFAR)


@pytest.mark.parametrize("name", CIFAR)
def test_the_size_is_the_published_one(name: str) -> None:
    parameters, millions = SIZES[name]
    assert count(cifar(100, SHAPE, name)) == parameters
    assert millions is None or round(parameters / 1e6, 2) == millions


@pytest.mark.parametrize("name", CIFAR)
@pytest.mark.parametrize("shape", [(1, 28, 28), (2, 33, 47)])
def test_other_channels_and_sizes_work(name: str, shape: tuple[int, int, int]) -> None:
    with torch.no_grad():
        assert cifar(7, shape, name).eval()(torch.zeros(2, *shape)).shape == (2, 7)


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (lambda: wide_resnet(10, SHAPE, depth=15), "wide_resnet has no depth 15; allowed: 6n.4"),
        (lambda: wide_resnet(10, SHAPE, depth=4), "wide_resnet has no depth 4"),
        (lambda: cifar(10, (3, 7, 32), "vgg8"), "needs at least 8x8, got 7x32"),
        (lambda: mobilenet_v2_cifar(10, SHAPE, width_factor=0.05), "no channels left at width_factor 0.05"),
    ],
)
def test_what_cannot_be_is_said(build, reason: str) -> None:
    with pytest.raises(NotApplicable, match=reason):
        build()
    assert vgg_cifar(10, (3, 8, 8)).eval()(torch.zeros(1, 3, 8, 8)).shape == (1, 10)
    assert mobilenet_v2_cifar(10, SHAPE, width_factor=0.0625).eval()(torch.zeros(1, *SHAPE)).shape == (1, 10)


def test_names_are_read_without_torch_and_wrong_ones_refused() -> None:
    program = (
        "import sys; from kdbench.zoo import Catalog\n"
        "signature = Catalog().signature('models', 'cifar:wrn-40-2')\n"
        "print(signature.inputs, signature.options, 'torch' in sys.modules)"
    )
    seen = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert seen.stdout.strip() == "('classes', 'shape', 'name') () False"
    build = Catalog().load("models", "cifar:resnet8x4")
    assert count(build(100, SHAPE)) == 1_233_540
    with pytest.raises(KeyError):
        Catalog().signature("models", "cifar:resnet9")


STAGES = {
    "resnet20": {"stage1": (16, 32), "stage2": (32, 16), "stage3": (64, 8)},
    "resnet8x4": {"stage1": (64, 32), "stage2": (128, 16), "stage3": (256, 8)},
    "wrn-40-2": {"stage1": (32, 32), "stage2": (64, 16), "stage3": (128, 8)},
    "vgg13": {"stage1": (64, 32), "stage2": (128, 16), "stage3": (256, 8), "stage5": (512, 4)},
    "mobilenet_v2": {"stage1": (12, 16), "stage2": (16, 8), "stage3": (48, 4), "stage4": (160, 2)},
    "shufflenet_v1": {"stem": (24, 32), "stage1": (240, 16), "stage2": (480, 8), "stage3": (960, 4)},
    "shufflenet_v2": {"stem": (24, 32), "stage1": (116, 16), "stage2": (232, 8), "stage3": (464, 4)},
    "resnet50": {"stage1": (256, 32), "stage2": (512, 16), "stage3": (1024, 8), "stage4": (2048, 4)},
}


@pytest.mark.parametrize("name", STAGES)
def test_taps_find_the_stages_of_the_architecture(name: str) -> None:
    model = cifar(100, SHAPE, name)
    traced = trace(model, SHAPE)
    assert {stage: traced.shape(stage) for stage in traced.stages} == {
        stage: (width, size, size) for stage, (width, size) in STAGES[name].items()
    }
    with torch.no_grad(), tapped(model.eval(), traced, ("embedding",)) as features:
        logits = model(torch.randn(2, *SHAPE))
    torch.testing.assert_close(model.get_submodule(traced.resolve("embedding").module)(features["embedding"]), logits)


@pytest.mark.parametrize("name", [name for name in STAGES if not name.startswith(("wrn", "mobilenet"))])
def test_a_stage_gives_the_very_tensor_that_its_last_relu_gave(name: str) -> None:
    """So that what enters the ReLU is the stage before activation; wrn's and MobileNetV2's stages end in none."""
    model = cifar(10, SHAPE, name).eval()
    ran: list[tuple[nn.Module, torch.Tensor, torch.Tensor]] = []
    for module in model.modules():
        module.register_forward_hook(lambda m, entered, gave: ran.append((m, entered[0], gave)))
    model(torch.randn(2, *SHAPE))
    for stage in STAGES[name]:
        given = next(gave for module, _, gave in ran if module is model.get_submodule(stage))
        relu, entered, _ = next(each for each in ran if isinstance(each[0], nn.ReLU) and each[2] is given)
        assert entered.min() < 0 <= given.min()
        assert torch.equal(entered.relu(), given)
        assert not relu.inplace


def test_shuffling_is_torchs() -> None:
    features = torch.randn(2, 12, 3, 5)
    for groups in (1, 2, 3):
        assert torch.equal(shuffle_channels(features, groups), nn.ChannelShuffle(groups)(features))


def settle(model: nn.Module) -> nn.Module:
    """Batch norms with statistics of their own, as training leaves them."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
    model(torch.randn(8, *SHAPE))
    return model.eval()


@pytest.mark.parametrize("name", ["resnet50", "shufflenet_v2", "shufflenet_v2_x1_5"])
def test_torchvision_with_the_small_stem_computes_the_same(name: str) -> None:
    """Values and gradients: so one ReLU after ShuffleNetV2's shuffle is as good as one in each branch before it."""
    torch.manual_seed(0)
    if name == "resnet50":
        ours, theirs = resnet50_cifar(10, SHAPE), torchvision_models.resnet50(num_classes=10)
        theirs.conv1 = nn.Conv2d(3, 64, kernel_size=3, padding=1, bias=False)
    else:
        size, builder = {
            "shufflenet_v2": ("x1", torchvision_models.shufflenet_v2_x1_0),
            "shufflenet_v2_x1_5": ("x1.5", torchvision_models.shufflenet_v2_x1_5),
        }[name]
        ours, theirs = shufflenet_v2_cifar(10, SHAPE, size=size), builder(num_classes=10)
        theirs.conv1[0] = nn.Conv2d(3, 24, kernel_size=1, bias=False)
    theirs.maxpool = nn.Identity()
    settle(ours)
    values = list(ours.state_dict().values())  # both list their layers in the order in which they run
    theirs.load_state_dict(dict(zip(theirs.state_dict(), values, strict=True)))
    images = torch.randn(2, *SHAPE)
    logits = [model.eval()(images) for model in (ours, theirs)]
    torch.testing.assert_close(*logits, rtol=1e-4, atol=1e-5)
    gradients = [
        torch.autograd.grad(out.square().sum(), next(model.parameters()))[0]
        for out, model in zip(logits, (ours, theirs), strict=True)
    ]
    assert gradients[0].abs().max() > 0
    scale = float(gradients[0].abs().max())
    torch.testing.assert_close(gradients[0] / scale, gradients[1] / scale, rtol=1e-3, atol=1e-4)


def test_where_the_width_changes_the_shortcut_of_wrn_sees_the_activated_input() -> None:
    model = settle(wide_resnet(10, SHAPE, depth=10, width_factor=1))
    images = torch.randn(2, 16, 8, 8)
    for block, widens in ((model.stage1[0], False), (model.stage2[0], True)):
        active = block.bn1(images).relu()
        inner = block.conv2(block.bn2(block.conv1(active)).relu())
        torch.testing.assert_close(block(images), inner + (block.shortcut(active) if widens else images))


@pytest.mark.parametrize("name", ["resnet8", "wrn-16-1", "vgg8", "mobilenet_v2", "resnet50"])
def test_convolutions_begin_with_the_spread_of_he(name: str) -> None:
    torch.manual_seed(0)
    for module in cifar(10, SHAPE, name).modules():
        if isinstance(module, nn.Conv2d) and module.weight.numel() >= 4608:
            expected = math.sqrt(2 / (module.kernel_size[0] * module.kernel_size[1] * module.out_channels))
            assert float(module.weight.detach().std()) == pytest.approx(expected, rel=0.05)
            assert module.bias is None or not module.bias.any()


@pytest.mark.parametrize("name", STAGES)
def test_the_seed_decides_the_weights(name: str) -> None:
    states = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        states.append(torch.cat([parameter.flatten() for parameter in cifar(10, SHAPE, name).parameters()]))
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])


# One of each plain family; the others take 3 to 15 s each, and run in `make test-slow`.
QUICK = {"resnet8", "wrn-16-1", "vgg8"}


@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n in QUICK else pytest.mark.slow) for n in CIFAR])
def test_the_exported_graph_computes_the_same(name: str, tmp_path) -> None:
    torch.manual_seed(0)
    model = settle(cifar(100, SHAPE, name))
    facts = export_onnx(model, SHAPE, tmp_path / "model.onnx")
    assert facts.parameters == SIZES[name][0]
    assert check_parity(model, tmp_path / "model.onnx", torch.randn(16, *SHAPE)).samples == 16
