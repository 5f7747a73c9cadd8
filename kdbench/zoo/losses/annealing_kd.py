"""Annealing distillation: the teacher's logits grow to their full size, then the labels teach alone."""

from torch import Tensor
from torch.nn import functional

from kdbench.spec.types import NonNegative, Temperature, Weight
from kdbench.zoo.interface import Moment, Outputs
from kdbench.zoo.layers.taps import Trace
from kdbench.zoo.loss_module import LossModule
from kdbench.zoo.losses.phases import Phase


class AnnealingKD(LossModule):
    """Regression to the teacher's logits over a temperature that falls to 1, then cross-entropy to the labels.

    Formula: weight * mean of (z_s - (1 - (T - 1) / temperature) * z_t)^2 in the first phase, over which T falls
    linearly from temperature to 1; then CE(z_s, y).
    Shapes: logits [B, C] of both; labels [B], int64. Gives a scalar, float32.
    Units: squared logits, mean over batch and classes; then nats per sample. Without a number, `teacher_epochs` are 160
    of 240 epochs, in proportion.
    Raises: nothing.
    Source: Jafari et al. 2021, Annealing Knowledge Distillation (arXiv:2104.07163), equations 5 to 7; the temperature
    10, and 200 epochs of 300 for the first phase, as in the authors' code.
    Differs: T moves with every step, in the paper in whole numbers. One schedule of the learning rate for both phases,
    and no choice of the best epoch between them.
    """

    def __init__(
        self,
        student: Trace,
        teacher: Trace,
        *,
        temperature: Temperature = 10.0,
        teacher_epochs: NonNegative | None = None,
        weight: Weight = 1.0,
    ) -> None:
        super().__init__(student, teacher)
        self.temperature = temperature
        self.phase = Phase(teacher_epochs, published=160)
        self.weight = weight

    def forward(self, student: Outputs, teacher: Outputs, labels: Tensor, moment: Moment) -> Tensor:
        taught = moment.epoch < self.phase.span(moment.epochs)
        self.tell("teacher's weight", self.weight if taught else 0.0)
        z_s, z_t = student.logits.float(), teacher.logits.detach().float()
        if not taught:
            return functional.cross_entropy(z_s, labels)
        temperature = self.temperature + (1 - self.temperature) * self.phase.risen(moment)
        self.tell("temperature", temperature)
        share = 1 - (temperature - 1) / self.temperature
        return self.weight * functional.mse_loss(z_s, share * z_t)
