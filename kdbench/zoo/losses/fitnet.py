"""Hints: the student's features are drawn to the teacher's, by way of a regressor or as they are."""

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from kdbench.spec.types import Neutral, NonNegative, Weight
from kdbench.zoo.interface import NotApplicable, Outputs
from kdbench.zoo.layers.taps import Shape, Trace
from kdbench.zoo.loss_module import LossModule
from kdbench.zoo.losses.cross_entropy import labels_term
from kdbench.zoo.losses.matching import batch_norm, by_channel, pointwise

Transform = Literal["projected", "raw", "pooled", "normalized"]
_ZERO = 1e-24  # of a mean square, well above the smallest float32


class FitNet(LossModule):
    """Mean squared difference between the teacher's features and a regression from the student's, with cross-entropy.

    Formula: weight * mean of (r(f_s) - f_t)^2 + ce_weight * CE(z_s, y); r = ReLU(BN(1x1 convolution)) for features
    [B, channels, height, width], BN(linear) for features [B, features]. `transform` "raw": f_s in the place of r(f_s);
    "pooled": the means over height and width of both; "normalized": both over their root mean square in the sample.
    Shapes: logits [B, C]; labels [B], int64; features of `student_layer` and `teacher_layer`, of any channels. Where
    the student's are twice as high and wide, the convolution is a 3x3 of stride 2; where half, a transposed 4x4 of
    stride 2; where larger otherwise, one without padding that is just large enough. Gives a scalar, float32.
    Units: squared activations, plus nats per sample.
    Raises: NotApplicable where a layer does not exist or the shapes cannot be matched, saying both; without a regressor
    they have to be equal, and of "pooled" the channels.
    Source: Romero et al. 2015, FitNets (arXiv:1412.6550), equation 3; weight 100 and the regressor as in RepDistiller.
    Differs: trained together with the labels' term in one phase, where the paper first trains the hint alone; mean over
    elements, where the paper sums and halves. The ReLU fits teacher layers whose output is an activation, not below 0.
    The transforms beside "projected" are not the paper's: see Heo et al. 2019 (arXiv:1904.01866), table 1, for more.
    """

    def __init__(
        self,
        student: Trace,
        teacher: Trace,
        *,
        student_layer: str = "middle",
        teacher_layer: str = "middle",
        transform: Neutral[Literal["projected", "raw", "pooled", "normalized"]] = "projected",
        weight: Weight = 100.0,
        ce_weight: NonNegative = 1.0,
    ) -> None:
        super().__init__(student, teacher, (student_layer,), (teacher_layer,))
        self.weight = weight
        self.ce_weight = ce_weight
        self.transform: Transform = transform
        shapes = student.shape(student_layer), teacher.shape(teacher_layer)
        self.regressor = _regressor(*shapes) if transform == "projected" else _same(transform, *shapes)

    def forward(self, student: Outputs, teacher: Outputs, labels: Tensor | None) -> Tensor:
        [(features, hint)] = self.paired_features(student, teacher)
        # By channel: torch's own gradient of channels-last images comes in another layout, for which every layer before
        # it pays: 63 ms instead of 37 ms on [128, 64, 14, 14] to 160 channels (docs/experiments.md).
        own, other = (_transformed(each, self.transform) for each in (self.regressor(features), hint))
        difference = functional.mse_loss(by_channel(own), by_channel(other))
        return self.weight * difference + labels_term(student.logits.float(), labels, self.ce_weight)


def _transformed(features: Tensor, transform: Transform) -> Tensor:
    """Features [B, ...] as they are compared."""
    if transform == "pooled" and features.ndim > 2:
        return features.flatten(2).mean(dim=2)
    if transform == "normalized":
        size = features.square().flatten(1).mean(dim=1).clamp_min(_ZERO).sqrt()
        return features / size.reshape(-1, *[1] * (features.ndim - 1))
    return features


def _same(transform: Transform, student: Shape, teacher: Shape) -> nn.Module:
    """No regressor, for features that can be compared without one."""
    if (student[:1], len(student)) != (teacher[:1], len(teacher)) or (transform != "pooled" and student != teacher):
        wanted = "as many channels" if transform == "pooled" else "one shape"
        raise NotApplicable(
            f"fitnet with transform '{transform}' needs features of {wanted}: the student's are {list(student)}, "
            f"the teacher's {list(teacher)}; choose other layers, or transform 'projected'"
        )
    return nn.Identity()


def _regressor(student: Shape, teacher: Shape) -> nn.Module:
    """From features of one shape to another, without the batch. No bias: batch norm would cancel it."""
    norm = batch_norm(teacher, teacher[0])
    if len(student) == len(teacher) == 1:
        return nn.Sequential(pointwise(student, teacher[0]), norm)
    if len(student) == len(teacher) == 3 and (convolution := _convolution(student, teacher)):
        return nn.Sequential(convolution, norm, nn.ReLU())
    raise NotApplicable(
        f"fitnet needs features as high and wide as the teacher's, half so or larger (or flat ones on both sides): the "
        f"student's are {list(student)}, the teacher's {list(teacher)}; choose other layers with student_layer and "
        "teacher_layer"
    )


def _convolution(student: Shape, teacher: Shape) -> nn.Module | None:
    """From one size of images to another; None where the paper's regressors do not lead there."""
    (channels, *size), (wanted, *target) = student, teacher
    if size == target:
        return pointwise(student, wanted)
    if size == [2 * side for side in target]:
        return nn.Conv2d(channels, wanted, kernel_size=3, stride=2, padding=1, bias=False)
    if target == [2 * side for side in size]:
        return nn.ConvTranspose2d(channels, wanted, kernel_size=4, stride=2, padding=1, bias=False)
    if all(side >= goal for side, goal in zip(size, target, strict=True)):
        kernel = (1 + size[0] - target[0], 1 + size[1] - target[1])
        return nn.Conv2d(channels, wanted, kernel_size=kernel, bias=False)
    return None
