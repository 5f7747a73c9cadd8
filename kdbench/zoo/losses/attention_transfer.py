"""Attention transfer: the student looks where the teacher looks."""

from torch import Tensor
from torch.nn import functional

from kdbench.spec.types import NonNegative, Weight
from kdbench.zoo.interface import Outputs
from kdbench.zoo.layers.taps import Trace
from kdbench.zoo.loss_module import LossModule
from kdbench.zoo.losses.cross_entropy import labels_term
from kdbench.zoo.losses.matching import as_positions, pair_layers, require_images, to_common_size, unit_vectors


class AttentionTransfer(LossModule):
    """Mean squared difference of the attention maps of student and teacher, over layers, with cross-entropy.

    Formula: weight * sum over layers of mean (A_s - A_t)^2 + ce_weight * CE(z_s, y); A [height * width] is the mean of
    f^2 over channels, divided by its L2 norm over positions.
    Shapes: logits [B, C]; labels [B], int64; features [B, channels, height, width] of any channels; where heights or
    widths differ, the larger features are averaged down first. Gives a scalar, float32.
    Units: squared shares of attention, plus nats per sample.
    Raises: NotApplicable where a layer does not exist, has no height and width, or the layers are not equally many.
    Source: Zagoruyko & Komodakis 2017, Paying More Attention to Attention (arXiv:1612.03928), equation 2, p = 2; weight
    1000 and layers (all stages; first, middle, last where the networks have not equally many) as in RepDistiller.
    Differs: mean of squares over batch and positions as in the authors' code, where equation 2 has the norm of the
    difference and beta / 2.
    """

    def __init__(
        self,
        student: Trace,
        teacher: Trace,
        *,
        student_layers: tuple[str, ...] = (),
        teacher_layers: tuple[str, ...] = (),
        weight: Weight = 1000.0,
        ce_weight: NonNegative = 1.0,
    ) -> None:
        layers = pair_layers("attention_transfer", student, teacher, student_layers, teacher_layers)
        require_images("attention_transfer", student, teacher, *layers)
        super().__init__(student, teacher, *layers)
        self.weight = weight
        self.ce_weight = ce_weight

    def forward(self, student: Outputs, teacher: Outputs, labels: Tensor | None) -> Tensor:
        total = labels_term(student.logits.float(), labels, self.ce_weight)
        for images in self.paired_features(student, teacher):
            own, other = (_attention(image) for image in to_common_size(*images))
            total = total + self.weight * functional.mse_loss(own, other)
        return total


def _attention(images: Tensor) -> Tensor:
    """[B, height * width], of L2 norm 1."""
    return unit_vectors(as_positions(images).square().mean(dim=2))
