"""Teacher annealing: the target moves from the teacher's prediction to the label while the student learns."""

from torch import Tensor
from torch.nn import functional

from kdbench.spec.types import Temperature
from kdbench.zoo.interface import Moment, Outputs
from kdbench.zoo.layers.taps import Trace
from kdbench.zoo.loss_module import LossModule
from kdbench.zoo.losses.kd import softened_divergence


class TeacherAnnealing(LossModule):
    """Divergence from the teacher with a weight that falls to 0, and cross-entropy to the labels with the rest.

    Formula: (1 - w) * T^2 * KL(softmax(z_t / T) || softmax(z_s / T)) + w * CE(z_s, y), mean over the batch; w rises
    from 0 to 1 in proportion to the steps that are done.
    Shapes: logits [B, C] of both; labels [B], int64. Gives a scalar, float32.
    Units: nats per sample, the divergence times T^2.
    Raises: nothing.
    Source: Clark et al. 2019, BAM! Born-Again Multi-Task Networks (arXiv:1907.04829), section 3.2, which has T 1: the
    cross-entropy to a target that is linear in both is the same mixture of two cross-entropies.
    Differs: the paper states cross-entropy to the teacher; the divergence has the same gradient. T 4 unless told, as in
    the other losses of softened probabilities, so that they differ in the weight alone.
    """

    def __init__(self, student: Trace, teacher: Trace, *, temperature: Temperature = 4.0) -> None:
        super().__init__(student, teacher)
        self.temperature = temperature

    def forward(self, student: Outputs, teacher: Outputs, labels: Tensor, moment: Moment) -> Tensor:
        risen = moment.epoch / moment.epochs
        self.tell("teacher's weight", 1 - risen)
        z_s, z_t = student.logits.float(), teacher.logits.detach().float()
        divergence = self.temperature**2 * softened_divergence(z_s, z_t, self.temperature)
        return (1 - risen) * divergence + risen * functional.cross_entropy(z_s, labels)
