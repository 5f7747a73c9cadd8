"""Dynamic temperature: each sample has its own, lower where the student does not follow the teacher yet."""

from torch import Tensor
from torch.nn import functional

from kdbench.spec.types import NonNegative, Positive, Temperature, Weight
from kdbench.zoo.interface import Outputs
from kdbench.zoo.layers.taps import Trace
from kdbench.zoo.loss_module import LossModule


class DynamicTemperature(LossModule):
    """Knowledge distillation at a temperature of each sample, with cross-entropy to the labels.

    Formula: mean over the samples of weight * T^2 * KL(softmax(z_t / T) || softmax(z_s / T)) + ce_weight * CE(z_s, y);
    T = max(lowest, temperature + bias * (mean of w over the batch - w)), w = (1 - cos(z_s, z_t))^gamma of the sample.
    Shapes: logits [B, C] of both; labels [B], int64. Gives a scalar, float32.
    Units: nats per sample, each divergence times its own T^2. No gradient passes through T.
    Raises: nothing.
    Source: Wen et al. 2021, Preparing Lessons: Improve Knowledge Distillation with Better Supervision
    (arXiv:1911.07471), dynamic temperature distillation by equation 7, with the weights of its focal-loss style.
    Differs: temperature and weights are those of `kd`, so that only T differs from it; bias 10, gamma 1 and the lowest
    temperature are ours.
    """

    def __init__(
        self,
        student: Trace,
        teacher: Trace,
        *,
        temperature: Temperature = 4.0,
        bias: NonNegative = 10.0,
        gamma: Positive = 1.0,
        lowest: Positive = 1.0,
        weight: Weight = 0.9,
        ce_weight: NonNegative = 0.1,
    ) -> None:
        super().__init__(student, teacher)
        self.temperature, self.bias, self.gamma, self.lowest = temperature, bias, gamma, lowest
        self.weight, self.ce_weight = weight, ce_weight

    def forward(self, student: Outputs, teacher: Outputs, labels: Tensor) -> Tensor:
        z_s, z_t = student.logits.float(), teacher.logits.detach().float()
        temperature = self._temperature(z_s.detach(), z_t)  # [B, 1]
        self.tell("temperature", temperature.mean())
        self.tell("spread of temperatures", temperature.std(correction=0))
        log_t, log_s = (functional.log_softmax(z / temperature, dim=1) for z in (z_t, z_s))
        divergence = functional.kl_div(log_s, log_t, reduction="none", log_target=True).sum(dim=1)
        scaled = (temperature.square().squeeze(1) * divergence).mean()
        return self.weight * scaled + self.ce_weight * functional.cross_entropy(z_s, labels)

    def _temperature(self, z_s: Tensor, z_t: Tensor) -> Tensor:
        # Rounding may take the cosine of equal logits above 1, and a power of what is below 0 is not a number.
        apart = (1 - functional.cosine_similarity(z_s, z_t, dim=1)).clamp(min=0).pow(self.gamma)
        return (self.temperature + self.bias * (apart.mean() - apart)).clamp(min=self.lowest)[:, None]
