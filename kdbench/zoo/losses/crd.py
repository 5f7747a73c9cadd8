"""Contrastive distillation: a sample is distinguished from many others by the other network's stored features."""

from math import log, sqrt

import torch
from torch import Tensor, nn
from torch.nn import functional

from kdbench.spec.types import Count, NonNegative, ProperFraction, Temperature, Weight
from kdbench.zoo.interface import Draw, Moment, NotApplicable, Outputs
from kdbench.zoo.layers.taps import Trace
from kdbench.zoo.loss_module import LossModule
from kdbench.zoo.losses.matching import unit_vectors
from kdbench.zoo.losses.negatives import OtherClasses

# A matrix product with so many rows of a bank takes about as long as gathering one of them. On one thread, 64 samples
# and 50,000 rows: 180 ms against 2,490 ms for 16,384 negatives, 48 ms against 39 ms for 1,024.
_GATHERED = 40
_FLOATS = 2**25  # of the largest tensor of scores, whatever the batch: 128 MiB


class CRD(LossModule):
    """Noise-contrastive estimation between the networks, of a sample against those of other classes; cross-entropy.

    Formula: weight * (L(s, M_t) + L(t, M_s)) + ce_weight * CE(z_s, y). s and t are linear projections of the features,
    divided by their norm; M_t and M_s banks of their last values for each training sample. L is the mean
    over the batch of -log h(positive) - sum over K negatives of log(1 - h(negative)), h = P / (P + K / N),
    P = exp(v . row / temperature) / Z. The positive is the sample's own row, the K negatives are rows drawn uniformly
    from those of other classes, N the training samples; Z is N times the mean of the exponentials of the first batch.
    Then row = momentum * row + (1 - momentum) * v, divided by its norm.
    Shapes: logits [B, C]; labels [B], int64; features [B, D], or [B, channels, height, width], averaged over height and
    width. Gives a scalar, float32. Keeps 2 N `width` floats. Takes time for 4 B N `width` multiplications, and
    B K random numbers, where K is above N / 40, else for 4 B K `width`: choose 1024 negatives for a CPU.
    Units: nats per sample. K is `negatives`, or what the split has of other classes where that is less.
    Raises: NotApplicable where a layer does not exist or has other shapes, and for labels that are shares of classes
    (mixup): an image of two samples has no row.
    Source: Tian, Krishnan, Isola 2020, Contrastive Representation Distillation (arXiv:1910.10699), equation 18;
    width 128, 16384 negatives, temperature .07, momentum .5, weight .8 as in the authors' code, RepDistiller.
    Differs: negatives are drawn with replacement, in the code without; without its 1e-7 in the denominator. A split of
    one class has no negatives: cross-entropy alone.
    """

    made_again = ("others",)

    def __init__(
        self,
        student: Trace,
        teacher: Trace,
        *,
        student_layer: str = "embedding",
        teacher_layer: str = "embedding",
        width: Count = 128,
        negatives: Count = 16384,
        temperature: Temperature = 0.07,
        momentum: ProperFraction = 0.5,
        weight: Weight = 0.8,
        ce_weight: NonNegative = 1.0,
    ) -> None:
        super().__init__(student, teacher, (student_layer,), (teacher_layer,))
        self.negatives = negatives
        self.weight = weight
        self.ce_weight = ce_weight
        self.student_projection = nn.Linear(_channels(student, student_layer), width)
        self.teacher_projection = nn.Linear(_channels(teacher, teacher_layer), width)
        self.student_bank = Bank(width, temperature, momentum)
        self.teacher_bank = Bank(width, temperature, momentum)
        self.others: OtherClasses | None = None  # known from the first call on

    def forward(self, student: Outputs, teacher: Outputs, labels: Tensor, moment: Moment) -> Tensor:
        if labels.ndim > 1:
            raise NotApplicable("crd needs one training sample an image, and mixup makes images of two: drop mixup")
        self.others = self.others or OtherClasses.of(moment.labels)
        total = self.ce_weight * functional.cross_entropy(student.logits.float(), labels)
        count = min(self.negatives, self.others.fewest)
        if count == 0:
            return total
        [(own, other)] = self.paired_features(student, teacher)
        one = unit_vectors(self.student_projection(_pooled(own)))
        two = unit_vectors(self.teacher_projection(_pooled(other)))
        negatives = self.others.draw(moment.draw, "crd negatives", count)
        for name, bank in (("student", self.student_bank), ("teacher", self.teacher_bank)):
            bank.prepare(len(moment.labels), moment.draw, f"crd {name}")
        contrast = self.teacher_bank.contrast(one, moment.draw.samples, negatives)
        contrast = contrast + self.student_bank.contrast(two, moment.draw.samples, negatives)
        self.student_bank.update(moment.draw.samples, one.detach())
        self.teacher_bank.update(moment.draw.samples, two.detach())
        return total + self.weight * contrast


class Bank(nn.Module):
    """The last projection of each training sample by one network: `rows` [N, width]. `log_z` normalizes the scores.

    Both are made by the first batch, which is when N is known.
    """

    rows: Tensor
    log_z: Tensor

    def __init__(self, width: int, temperature: float, momentum: float) -> None:
        super().__init__()
        self.width = width
        self.temperature = temperature
        self.momentum = momentum
        self.register_buffer("rows", None)
        self.register_buffer("log_z", None)

    def prepare(self, samples: int, draw: Draw, stream: str) -> None:
        """Fill it before the first batch: rows of norm about 1, uniform, a function of the seed alone."""
        if self.rows is None:
            generator = Draw(draw.seed).generator(stream)
            rows = sqrt(3 / self.width) * (2 * torch.rand(samples, self.width, generator=generator) - 1)
            self.rows = rows.to(draw.samples.device)

    def contrast(self, vectors: Tensor, samples: Tensor, negatives: Tensor) -> Tensor:
        """The loss of vectors [B, width]: positives are the rows `samples` [B], negatives the rows `negatives` [B, K].

        The gradient is taken here, part by part of the batch: the rows may change before it is asked for, and no more
        than a part of the scores is kept.
        """
        count = negatives.shape[1]
        size = max(1, _FLOATS // (len(self.rows) if self._all_at_once(count) else count * self.width))
        parts = torch.split(torch.arange(len(vectors), device=vectors.device), size)
        if self.log_z is None:
            self.log_z = self._normalizer([(vectors[p].detach(), samples[p], negatives[p]) for p in parts])
        shift = self.log_z + log(count / len(self.rows))
        total, gradients = torch.zeros((), device=vectors.device), list[Tensor]()
        with torch.enable_grad():
            for part in parts:
                leaf = vectors[part].detach().requires_grad_()
                own, scores, times = self._scores(leaf, samples[part], negatives[part])
                # -log h = log(1 + K / (N P)) and -log(1 - h) = log(1 + N P / K), finite at any temperature.
                cost = functional.softplus(shift - own).sum() + (times * functional.softplus(scores - shift)).sum()
                gradients += torch.autograd.grad(cost, leaf)
                total += cost.detach()
        carried = ((vectors - vectors.detach()) * torch.cat(gradients)).sum()  # 0, with that gradient
        return (total + carried) / len(vectors)

    def update(self, samples: Tensor, vectors: Tensor) -> None:
        """Move the rows of these samples [B] towards the vectors [B, width]."""
        self.rows[samples] = unit_vectors(self.momentum * self.rows[samples] + (1 - self.momentum) * vectors)

    def _all_at_once(self, count: int) -> bool:
        return len(self.rows) <= _GATHERED * count

    def _scores(self, vectors: Tensor, samples: Tensor, negatives: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """v . row / temperature: [B] of the own rows; [B, M] of others; how often each of these is a negative, [B, M].

        All rows in one matrix product, M = N, or where the negatives are far fewer these alone, gathered, M = K.
        """
        vectors = vectors / self.temperature
        own = (vectors * self.rows[samples]).sum(dim=1)
        if not self._all_at_once(negatives.shape[1]):
            scores = (self.rows[negatives] @ vectors[:, :, None]).squeeze(2)
            return own, scores, torch.ones_like(scores)
        times = torch.zeros(len(vectors), len(self.rows), device=vectors.device)
        times.scatter_add_(1, negatives, torch.ones_like(negatives, dtype=times.dtype))  # whole numbers: exact
        return own, vectors @ self.rows.T, times

    def _normalizer(self, parts: list[tuple[Tensor, Tensor, Tensor]]) -> Tensor:
        """log(N * mean of exp(score)) over positives and negatives."""
        sums, count = [], 0
        for vectors, samples, negatives in parts:
            own, scores, times = self._scores(vectors, samples, negatives)
            sums.append(torch.cat((own[:, None], scores + times.log()), dim=1).flatten().logsumexp(dim=0))
            count += negatives.numel() + len(own)
        return torch.stack(sums).logsumexp(dim=0) + log(len(self.rows) / count)


def _channels(traced: Trace, layer: str) -> int:
    shape = traced.shape(layer)
    if len(shape) not in (1, 3):
        raise NotApplicable(
            f"crd needs features [channels] or [channels, height, width]: the layer '{layer}' gives {list(shape)}; "
            "choose another with student_layer or teacher_layer"
        )
    return shape[0]


def _pooled(features: Tensor) -> Tensor:
    return features.mean(dim=(2, 3)) if features.ndim == 4 else features
