"""Neuron selectivity transfer: the student's channels, as a set, respond where the teacher's channels do."""

from torch import Tensor

from kdbench.spec.types import NonNegative, Weight
from kdbench.zoo.interface import Outputs
from kdbench.zoo.layers.taps import Trace
from kdbench.zoo.loss_module import LossModule
from kdbench.zoo.losses.cross_entropy import labels_term
from kdbench.zoo.losses.matching import as_positions, pair_layers, require_images, to_common_size, unit_vectors


class NST(LossModule):
    """Squared maximum mean discrepancy between the channels of student and teacher, over layers, with cross-entropy.

    Formula: weight * sum over layers of mean over samples of [mean k(t, t') + mean k(s, s') - 2 mean k(s, t)] +
    ce_weight * CE(z_s, y); s, t run over channels, each a vector [height * width] of L2 norm 1; k(a, b) = (a . b)^2.
    Shapes: logits [B, C]; labels [B], int64; features [B, channels, height, width] of any channels; where heights or
    widths differ, the larger features are averaged down first. Gives a scalar, float32.
    Units: squared cosines, plus nats per sample.
    Raises: NotApplicable where a layer does not exist, has no height and width, or the layers are not equally many.
    Source: Huang & Wang 2017, Like What You Like (arXiv:1707.01219), polynomial kernel of degree 2, constant 0;
    weight 50 and layers (all stages; first, middle, last where the networks have not equally many) as in RepDistiller.
    Differs: mean over samples; the paper writes one sample, and lambda / 2 before the term.
    """

    def __init__(
        self,
        student: Trace,
        teacher: Trace,
        *,
        student_layers: tuple[str, ...] = (),
        teacher_layers: tuple[str, ...] = (),
        weight: Weight = 50.0,
        ce_weight: NonNegative = 1.0,
    ) -> None:
        layers = pair_layers("nst", student, teacher, student_layers, teacher_layers)
        require_images("nst", student, teacher, *layers)
        super().__init__(student, teacher, *layers)
        self.weight = weight
        self.ce_weight = ce_weight

    def forward(self, student: Outputs, teacher: Outputs, labels: Tensor | None) -> Tensor:
        total = labels_term(student.logits.float(), labels, self.ce_weight)
        for images in self.paired_features(student, teacher):
            s, t = (unit_vectors(as_positions(image), dim=1) for image in to_common_size(*images))
            total = total + self.weight * (_kernel(t, t) + _kernel(s, s) - 2 * _kernel(t, s))
        return total


def _kernel(a: Tensor, b: Tensor) -> Tensor:
    """Mean of (a . b)^2 over samples and pairs of channels; a and b [B, height * width, channels].

    The gradient of b is laid out as b is, that of a is not: so the student is b.
    """
    return (a.transpose(1, 2) @ b).square().mean()
