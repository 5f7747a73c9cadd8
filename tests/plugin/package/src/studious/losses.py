"""The divergence in both directions, and a loss with weights of its own."""

from torch import Tensor, nn
from torch.nn import functional

from kdbench.spec.types import NonNegative, Positive
from kdbench.zoo import LossModule, Outputs, Trace


def jeffreys(
    student: Outputs, teacher: Outputs, labels: Tensor, *, temperature: Positive = 2.0, weight: NonNegative = 0.5
) -> Tensor:
    """Jeffreys' divergence from the teacher, with cross-entropy to the labels.

    Formula: weight * T^2 * (KL(p_t || p_s) + KL(p_s || p_t)) + CE(z_s, y), p = softmax(z / T); mean over the batch.
    """
    log_t = functional.log_softmax(teacher.logits.detach().float() / temperature, dim=1)
    log_s = functional.log_softmax(student.logits.float() / temperature, dim=1)
    both = ((log_t.exp() - log_s.exp()) * (log_t - log_s)).sum(dim=1).mean()
    return weight * temperature**2 * both + functional.cross_entropy(student.logits.float(), labels)


class Probe(LossModule):
    """A linear map of the student's embedding is to be the teacher's, with cross-entropy to the labels.

    Formula: weight * mean of (A f_s - f_t)^2 + CE(z_s, y).
    """

    def __init__(self, student: Trace, teacher: Trace, *, weight: NonNegative = 1.0) -> None:
        super().__init__(student, teacher, ("embedding",), ("embedding",))
        self.map = nn.Linear(student.shape("embedding")[0], teacher.shape("embedding")[0], bias=False)
        self.weight = weight

    def forward(self, student: Outputs, teacher: Outputs, labels: Tensor) -> Tensor:
        [(own, other)] = self.paired_features(student, teacher)
        difference = functional.mse_loss(self.map(own), other)
        return self.weight * difference + functional.cross_entropy(student.logits.float(), labels)
