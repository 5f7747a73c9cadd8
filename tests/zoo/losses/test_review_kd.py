"""Knowledge review: its value, its fusion, its warm-up, and which layers it takes."""

from dataclasses import replace
from functools import partial
from math import log

import pytest
import torch
from torch import Tensor, nn

from kdbench.zoo import NotApplicable, Outputs, trace
from kdbench.zoo.catalog import Catalog
from kdbench.zoo.interface import Draw, Moment
from kdbench.zoo.losses.review_kd import ReviewKD, hierarchical_context
from kdbench.zoo.models.cnn import cnn
from kdbench.zoo.models.mlp import mlp
from kdbench.zoo.models.resnet_cifar import resnet_cifar

SHAPE = (3, 16, 16)
LABELS = torch.arange(8) % 4


def at(epoch: float, epochs: int = 240) -> Moment:
    return Moment(epoch, epochs, Draw(0, int(epoch) + 1, torch.arange(8)), LABELS)


def value(loss: ReviewKD, own: list[Tensor], wanted: list[Tensor], moment: Moment | None = None) -> Tensor:
    logits = torch.zeros(len(own[0]), 4)
    sides = ((loss.student_layers, own), (loss.teacher_layers, wanted))
    student, teacher = (dict(zip(*side, strict=True)) for side in sides)
    return loss(Outputs(logits, student), Outputs(logits, teacher), LABELS[: len(logits)], moment or at(240.0))


def test_hierarchical_context_by_hand() -> None:
    # 4x4, the student 0, the teacher 4 in its upper left quarter, else 0. Full size: 4 of 16 positions differ by 4:
    # mean 4. Level 4 is not below the height. Level 2: one of 4 differs by 4: mean 4, weight 1/2. Level 1: 1 - 0,
    # squared 1, weight 1/4. (4 + 2 + 1/4) / (1 + 1/2 + 1/4) = 6.25 / 1.75.
    teacher = torch.zeros(1, 1, 4, 4)
    teacher[..., :2, :2] = 4
    assert hierarchical_context(torch.zeros_like(teacher), teacher).item() == pytest.approx(6.25 / 1.75, rel=1e-6)
    # 1x1: the plain mean. 8x8 of one sign everywhere: each level has it whole, whatever the weights.
    assert hierarchical_context(torch.tensor([[[[3.0]]]]), torch.ones(1, 1, 1, 1)).item() == 4
    assert hierarchical_context(torch.full((2, 3, 8, 8), 5.0), torch.ones(2, 3, 8, 8)).item() == pytest.approx(16)


def neutral(loss: ReviewKD, attention: float = 0.0) -> None:
    """Convolutions that copy, batch norms in eval mode, attention of 1/2 or another logit for both."""
    for module in loss.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
            module.eps = 0.0
    for fusion in loss.fusions:
        nn.init.dirac_(fusion.reduce[0].weight)
        nn.init.dirac_(fusion.expand[0].weight)
        if fusion.attend is not None:
            nn.init.zeros_(fusion.attend[0].weight)
            nn.init.constant_(fusion.attend[0].bias, attention)


def pair(sizes: tuple[int, ...] = (4, 2)) -> ReviewKD:
    """Two stages of one channel each."""
    layers = [nn.AvgPool2d(2) if size > sizes[-1] else nn.Identity() for size in sizes[:-1]]
    network = nn.Sequential(nn.Conv2d(1, 1, 1), *layers)
    traced = trace(network, (1, sizes[0], sizes[0]))
    return ReviewKD(traced, traced, student_layers=("0", "1"), teacher_layers=("0", "1"), ce_weight=0.0)


def test_value_by_hand_on_two_stages() -> None:
    # Deep stage, 2x2: the student has [[1, 2], [3, 4]], the teacher 0: squares 1, 4, 9, 16, mean 7.5; level 1: mean 2.5,
    # squared 6.25, weight 1/2. (7.5 + 3.125) / 1.5 = 7.08333.
    # Shallow stage, 4x4: half of its own 2 and half of the deeper one, doubled in size: 1 + .5, 1 + 1, 1 + 1.5, 1 + 2 by
    # quarters. The teacher has 1: differences .5, 1, 1.5, 2: squares .25, 1, 2.25, 4, mean 1.875. Level 2: the same
    # 1.875, weight 1/2. Level 1: mean 1.25, squared 1.5625, weight 1/4. (1.875 * 1.5 + .390625) / 1.75 = 1.830357.
    loss = pair()
    neutral(loss)
    deep = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    own = [torch.full((1, 1, 4, 4), 2.0), deep]
    wanted = [torch.ones(1, 1, 4, 4), torch.zeros(1, 1, 2, 2)]
    assert value(loss, own, wanted).item() == pytest.approx(7.083333 + 1.830357, rel=1e-5)
    # Halfway through the warm-up of 20 epochs: half. The labels' term, log 4 for four equal logits, is whole.
    loss.ce_weight = 1.0
    assert value(loss, own, wanted, at(10)).item() == pytest.approx((7.083333 + 1.830357) / 2 + log(4), rel=1e-5)
    # Attention of sigmoid(log 3) = 3/4 for both: 1.5 + .75 of the deeper: 2.25, 3, 3.75, 4.5, less 1, squared: 1.5625, 4,
    # 7.5625, 12.25, mean 6.34375; level 1: mean 2.375, squared 5.640625. (6.34375 * 1.5 + 1.41015625) / 1.75 = 6.243304.
    neutral(loss, attention=log(3))
    assert value(loss, own, wanted).item() == pytest.approx(7.083333 + 6.243304 + log(4), rel=1e-5)


def test_the_warm_up_is_20_of_240_epochs_in_proportion_or_as_given() -> None:
    own, wanted = ([torch.randn(2, 1, size, size) for size in (4, 2)] for _ in range(2))
    loss = pair()
    whole = value(loss, own, wanted).item()
    for moment, share in ((at(0), 0), (at(5), 1 / 4), (at(20), 1), (at(1, 24), 1 / 2), (at(2, 24), 1), (at(23, 24), 1)):
        assert value(loss, own, wanted, moment).item() == pytest.approx(share * whole, rel=1e-5)
    for epochs, share in ((0.0, 1), (4.0, 3 / 4), (3.0, 1)):
        loss.warm_up = replace(loss.warm_up, epochs=epochs)
        assert value(loss, own, wanted, at(3, 24)).item() == pytest.approx(share * whole, rel=1e-5)


@pytest.fixture
def resnets() -> ReviewKD:
    torch.manual_seed(0)
    student, teacher = (trace(resnet_cifar(4, SHAPE, depth=8, width_factor=w), SHAPE) for w in (1, 4))
    return ReviewKD(student, teacher, weight=2.0, ce_weight=0.0)


def draw(loss: ReviewKD, widths: tuple[int, ...], sizes: tuple[int, ...], seed: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shapes = [(8, width, size, size) if size else (8, width) for width, size in zip(widths, sizes, strict=True)]
    assert len(shapes) == len(loss.fusions)
    return [torch.randn(shape, generator=generator) for shape in shapes]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("seed", range(3))
def test_it_is_torchdistills_where_both_have_the_same_sizes(resnets, seed: int, dtype: torch.dtype) -> None:
    # torchdistill has the authors' code for ImageNet, which knows students and teachers of the same sizes only.
    losses = pytest.importorskip("torchdistill.losses.mid_level", reason="torchdistill is not installed")
    wrapper = pytest.importorskip("torchdistill.models.wrapper", reason="torchdistill is not installed")
    sizes = (16, 8, 4, 0)
    own, wanted = (
        [features.to(dtype) for features in draw(resnets, widths, sizes, seed + more)]
        for widths, more in (((16, 32, 64, 64), 0), ((64, 128, 256, 256), 10))
    )
    names = {"reduce": "conv1", "expand": "conv2", "attend": "attention_conv"}
    for p in resnets.parameters():  # not as they begin: batch norms of 1 and 0 would hide a swap
        nn.init.normal_(p, mean=0.3, std=0.3)
    total, deeper = 0.0, None
    criterion = losses.HierarchicalContextLoss("x", "output", "x", "output")
    for fusion, one, other, size in reversed(list(zip(resnets.fusions, own, wanted, sizes, strict=True))):
        channels, middle = fusion.reduce[0].in_channels, fusion.reduce[0].out_channels
        theirs = wrapper.AttentionBasedFusion(
            channels, middle, fusion.expand[0].out_channels, fusion.attend is not None
        )
        state = fusion.state_dict()
        theirs.load_state_dict({f"{names[k.split('.')[0]]}.{k.partition('.')[2]}": v for k, v in state.items()})
        image, target = (f.double().reshape(8, f.shape[1], size or 1, size or 1) for f in (one, other))
        with torch.no_grad():
            given = theirs.double()(image, deeper, size)
            deeper = given[1]
            total += float(criterion({"x": {"output": given}}, {"x": {"output": target}}))
    ours = value(resnets, own, wanted)
    assert ours.dtype == torch.float32
    assert ours.item() == pytest.approx(2 * total, rel=1e-5)


def test_other_sizes_from_the_paper() -> None:
    # What torchdistill has not: a teacher of other sizes, in float64, written position by position.
    torch.manual_seed(1)
    student = trace(cnn(4, SHAPE, width=3), SHAPE)  # 16, 8, 4 and flat
    teacher = trace(Catalog().load("models", "cifar:vgg8")(4, (3, 16, 16)).eval(), SHAPE)  # 16, 8, 4, 2 and flat
    loss = ReviewKD(student, teacher, ce_weight=0.0)
    assert loss.student_layers == ("first", "middle", "last", "embedding")
    widths = [tuple(traced.shape(layer)[0] for layer in loss.student_layers) for traced in (student, teacher)]
    own = draw(loss, widths[0], (16, 8, 4, 0), 0)
    wanted = draw(loss, widths[1], (16, 4, 2, 0), 1)
    assert [teacher.shape(layer)[1:] for layer in loss.teacher_layers] == [(16, 16), (4, 4), (2, 2), ()]
    for p in loss.parameters():
        nn.init.normal_(p, mean=0.1, std=0.3)
    expected = reviewed(loss.double(), *([f.double() for f in side] for side in (own, wanted)))
    assert value(loss.float(), own, wanted).item() == pytest.approx(expected, rel=1e-5)


def reviewed(loss: ReviewKD, own: list[Tensor], wanted: list[Tensor]) -> float:
    def norm(image: Tensor, layer: nn.BatchNorm2d) -> Tensor:
        mean, variance = image.mean((0, 2, 3)), image.var((0, 2, 3), unbiased=False)
        scale, shift = (
            layer.weight / (variance + 1e-5).sqrt(),
            layer.bias - mean * layer.weight / (variance + 1e-5).sqrt(),
        )
        return image * scale[:, None, None] + shift[:, None, None]

    def nearest(image: Tensor, size: int) -> Tensor:
        index = [i * image.shape[2] // size for i in range(size)]
        return image[:, :, index][:, :, :, index]

    total, deeper = 0.0, None
    for fusion, one, other in reversed(list(zip(loss.fusions, own, wanted, strict=True))):
        image, target = (f if f.ndim == 4 else f[:, :, None, None] for f in (one, other))
        fused = norm(torch.einsum("oi,bihw->bohw", fusion.reduce[0].weight[:, :, 0, 0], image), fusion.reduce[1])
        if deeper is not None:
            deeper = nearest(deeper, fused.shape[2])
            logits = torch.einsum("oi,bihw->bohw", fusion.attend[0].weight[:, :, 0, 0], torch.cat((fused, deeper), 1))
            share = 1 / (1 + (-logits - fusion.attend[0].bias[:, None, None]).exp())
            fused = share[:, 0:1] * fused + share[:, 1:2] * deeper
        size = target.shape[2]
        deeper = fused = nearest(fused, size)
        padded = nn.functional.pad(fused, (1, 1, 1, 1))
        kernel = fusion.expand[0].weight
        shifted = ((y, x, padded[:, :, y : y + size, x : x + size]) for y in range(3) for x in range(3))
        guessed = norm(
            sum(torch.einsum("oi,bihw->bohw", kernel[:, :, y, x], p) for y, x, p in shifted), fusion.expand[1]
        )
        levels = [size] + [level for level in (4, 2, 1) if level < size]
        averaged = [
            [
                f.reshape(*f.shape[:2], level, size // level, level, size // level).mean((3, 5))
                for f in (guessed, target)
            ]
            for level in levels
        ]
        distances = [((a - b) ** 2).mean().item() for a, b in averaged]
        total += sum(d / 2**i for i, d in enumerate(distances)) / sum(1 / 2**i for i in range(len(levels)))
    return total


def test_the_layers_are_all_stages_and_the_pooled_vector_as_in_the_authors_code(resnets) -> None:
    assert resnets.student_layers == ("stage1", "stage2", "stage3", "embedding")
    assert resnets.teacher_layers == ("before:stage1", "before:stage2", "before:stage3", "embedding")
    # in_channels 16, 32, 64, 64, widths of the teacher's 64, 128, 256, 256, and the last of in_channels in the middle
    convolutions = [(f.reduce[0].in_channels, f.reduce[0].out_channels) for f in resnets.fusions]
    assert convolutions == [(16, 64), (32, 64), (64, 64), (64, 64)]
    assert [f.expand[0].out_channels for f in resnets.fusions] == [64, 128, 256, 256]
    assert [f.attend is not None for f in resnets.fusions] == [True, True, True, False]


def test_the_middle_is_512_channels_at_most() -> None:
    shape = (3, 64, 64)
    wide, narrow = (trace(cnn(4, shape, width=width), shape) for width in (150, 2))
    assert ReviewKD(wide, narrow).fusions[0].reduce[0].out_channels == 512  # of an embedding of 600
    assert ReviewKD(narrow, wide).fusions[0].reduce[0].out_channels == 8


def test_a_network_without_a_last_linear_layer_has_no_pooled_vector() -> None:
    bare = nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.ReLU(), nn.Conv2d(4, 4, 3, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    make = partial(ReviewKD, trace(bare, SHAPE))
    assert make(trace(bare, SHAPE)).student_layers == ("1", "2")
    assert make(trace(bare, SHAPE)).teacher_layers == ("before:1", "before:2")


def test_what_cannot_be_served_is_told() -> None:
    student, teacher = trace(cnn(4, SHAPE, width=4), SHAPE), trace(resnet_cifar(4, SHAPE, depth=8), SHAPE)
    flat = trace(mlp(4, SHAPE, hidden=(9,)), SHAPE)
    with pytest.raises(
        NotApplicable, match=r"needs features with height and width: the student's layer 'first' gives \["
    ):
        ReviewKD(flat, teacher)
    with pytest.raises(
        NotApplicable, match=r"needs features with height and width: the teacher's layer 'first' gives \["
    ):
        ReviewKD(student, flat)
    with pytest.raises(NotApplicable, match="student_layers names 1, teacher_layers 0"):
        ReviewKD(student, teacher, student_layers=("last",))
    with pytest.raises(
        NotApplicable, match=r"on both sides, or on neither: the student's are \[16\], the teacher's \[64,"
    ):
        ReviewKD(student, teacher, student_layers=("embedding",), teacher_layers=("last",))
    with pytest.raises(NotApplicable, match="every layer named is flat; name spatial layers too"):
        ReviewKD(student, teacher, student_layers=("embedding",), teacher_layers=("embedding",))
