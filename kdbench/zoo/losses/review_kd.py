"""Knowledge review: each stage of the teacher is compared with the student's stages from that one on, fused."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from kdbench.spec.types import NonNegative, Weight
from kdbench.zoo.interface import Moment, NotApplicable, Outputs
from kdbench.zoo.layers.taps import BEFORE, Shape, Trace
from kdbench.zoo.loss_module import Layers, LossModule
from kdbench.zoo.losses.cross_entropy import labels_term
from kdbench.zoo.losses.matching import pair_layers, require_alike, require_images
from kdbench.zoo.losses.phases import Phase

LEVELS = (4, 2, 1)
MOST_CHANNELS = 512


class ReviewKD(LossModule):
    """Features fused from the student's deepest stage to its first, each compared to the teacher's at several sizes.

    Formula: weight * warm_up * sum over stages of HCL(g(u), f_t) + ce_weight * CE(z_s, y). From deep to shallow
    u = a_1 * r(f_s) + a_2 * (the deeper u, nearest neighbours, in the size of f_s), and at the deepest u = r(f_s);
    r = BN(1x1 convolution) to min(512, channels of the deepest); (a_1, a_2) = sigmoid(1x1 convolution of both), for
    each position. u takes the teacher's size (nearest neighbours); g = BN(3x3 convolution). HCL = the mean squared
    difference at full size with weight 1, and averaged to 4x4, 2x2 and 1x1, those smaller than the features' height,
    with 1/2, 1/4, 1/8 in turn; over the sum of the weights used. warm_up rises from 0 to 1 over warmup_epochs.
    Shapes: logits [B, C]; labels [B], int64; features [B, channels, height, width] of any channels and sizes, or
    [B, features] on both sides, taken as images of 1x1. Gives a scalar, float32.
    Units: squared activations, plus nats per sample.
    Raises: NotApplicable where a layer does not exist, one is flat and its other is not, none has height and width, or
    they are not equally many.
    Source: Chen et al. 2021, Distilling Knowledge via Knowledge Review (arXiv:2104.09044), sections 3.2 and 3.3. As in
    the authors' code for CIFAR-100: layers (all stages and the pooled vector, the teacher's before their ReLU), widths,
    initialization, warm-up over 20 of 240 epochs (by default the same share) and weight 1, which its scripts set to .6
    for resnet56 to resnet20, 1 for resnet110 to resnet32, 5 for wrn-40-2 to wrn-16-2 and resnet32x4 to resnet8x4, and 8
    for resnet32x4 to ShuffleNetV2.
    Differs: warm_up rises with every step, not every epoch. first, middle, last where the networks have not equally
    many stages (for ShuffleNets their code leaves out the stem: name the layers of both networks for that);
    the pooled vector is the input of the last linear layer, and is left out where one has none.
    """

    def __init__(
        self,
        student: Trace,
        teacher: Trace,
        *,
        student_layers: tuple[str, ...] = (),
        teacher_layers: tuple[str, ...] = (),
        warmup_epochs: NonNegative | None = None,
        weight: Weight = 1.0,
        ce_weight: NonNegative = 1.0,
    ) -> None:
        layers = _layers(student, teacher, student_layers, teacher_layers)
        super().__init__(student, teacher, *layers)
        shapes = [(student.shape(own), teacher.shape(other)) for own, other in zip(*layers, strict=True)]
        _require_an_image(shapes)
        middle = min(MOST_CHANNELS, shapes[-1][0][0])
        last = len(shapes) - 1
        self.fusions = nn.ModuleList(
            _Fusion(own[0], middle, other[0], fuses=at < last) for at, (own, other) in enumerate(shapes)
        )
        self.warm_up = Phase(warmup_epochs, published=20)
        self.weight = weight
        self.ce_weight = ce_weight

    def forward(self, student: Outputs, teacher: Outputs, labels: Tensor | None, moment: Moment) -> Tensor:
        distance = student.logits.new_zeros((), dtype=torch.float32)
        deeper: Tensor | None = None
        stages = list(zip(self.paired_features(student, teacher), self.fusions, strict=True))
        for (own, other), fusion in reversed(stages):
            wanted = _as_image(other)
            guessed, deeper = fusion(_as_image(own), deeper, wanted.shape[2:])
            distance = distance + hierarchical_context(guessed, wanted)
        factor = self.weight * self.warm_up.risen(moment)
        return factor * distance + labels_term(student.logits.float(), labels, self.ce_weight)


class _Fusion(nn.Module):
    """Attention based fusion of one stage with the deeper ones (the paper's figure 3)."""

    def __init__(self, channels: int, middle: int, wide: int, *, fuses: bool) -> None:
        super().__init__()
        self.reduce = nn.Sequential(nn.Conv2d(channels, middle, 1, bias=False), nn.BatchNorm2d(middle))
        self.attend = nn.Sequential(nn.Conv2d(2 * middle, 2, 1), nn.Sigmoid()) if fuses else None
        self.expand = nn.Sequential(nn.Conv2d(middle, wide, 3, padding=1, bias=False), nn.BatchNorm2d(wide))
        for convolution in (self.reduce[0], self.expand[0]):
            assert isinstance(convolution, nn.Conv2d)
            nn.init.kaiming_uniform_(convolution.weight, a=1)

    def forward(self, features: Tensor, deeper: Tensor | None, size: torch.Size) -> tuple[Tensor, Tensor]:
        """What is compared to the teacher's features of this size, and what the next shallower stage is given."""
        fused = self.reduce(features)
        if self.attend is not None:
            assert deeper is not None
            deeper = _resize(deeper, fused.shape[2:])
            attention = self.attend(torch.cat((fused, deeper), dim=1))
            fused = fused * attention[:, :1] + deeper * attention[:, 1:]
        fused = _resize(fused, size)
        return self.expand(fused), fused


def hierarchical_context(guessed: Tensor, wanted: Tensor) -> Tensor:
    """Mean squared difference of images [B, channels, height, width] at full size and in a pyramid of averages."""
    difference = guessed - wanted  # averaging is linear: the difference of averages is the average of this
    total, weight, weights = difference.permute(0, 2, 3, 1).square().mean(), 1.0, 1.0
    source = difference
    for level in LEVELS:
        if level < difference.shape[2]:
            weight /= 2
            weights += weight
            averaged = _average(source, level)
            total = total + weight * averaged.square().mean()
            if difference.shape[2] % level == difference.shape[3] % level == 0:
                source = averaged  # of parts of one size: averages of these are those of the whole, for less
    return total / weights


def _average(image: Tensor, level: int) -> Tensor:
    """Of level x level parts. A gradient of 1x1 has no layout, and all before it would leave channels-last."""
    if level == 1:
        return image.permute(0, 2, 3, 1).mean(dim=(1, 2))
    return functional.adaptive_avg_pool2d(image, level)


def _resize(image: Tensor, size: torch.Size) -> Tensor:
    if image.shape[2:] == size:
        return image
    resized = functional.interpolate(image, tuple(size), mode="nearest")
    return resized.contiguous(memory_format=torch.channels_last)


def _as_image(features: Tensor) -> Tensor:
    return features if features.ndim == 4 else features[:, :, None, None]


def _layers(student: Trace, teacher: Trace, own: Layers, other: Layers) -> tuple[Layers, Layers]:
    """Those named, else all stages and the embedding, the teacher's as they are before a ReLU."""
    named = bool(own or other)
    own, other = pair_layers("review_kd", student, teacher, own, other)
    if named:
        return own, other
    require_images("review_kd", student, teacher, own, other)
    other = tuple(BEFORE + layer if teacher.resolve(layer).module in teacher.before else layer for layer in other)
    if student.embedding and teacher.embedding:
        both = len(student.embedding.shape), len(teacher.embedding.shape)
        return ((*own, "embedding"), (*other, "embedding")) if both == (1, 1) else (own, other)
    return own, other


def _require_an_image(shapes: list[tuple[Shape, Shape]]) -> None:
    for own, other in shapes:
        require_alike("review_kd", own, other)
    if all(len(own) == 1 for own, _ in shapes):
        raise NotApplicable(
            "review_kd needs features with height and width, and every layer named is flat; name spatial layers too"
        )
