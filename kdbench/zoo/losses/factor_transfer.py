"""Factor transfer: the student imitates a paraphrase of the teacher's features that was learnt without labels."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from kdbench.spec.types import NonNegative, Positive, Weight
from kdbench.zoo.interface import Moment, Outputs
from kdbench.zoo.layers.taps import Trace
from kdbench.zoo.loss_module import LossModule
from kdbench.zoo.losses.cross_entropy import labels_term
from kdbench.zoo.losses.matching import by_channel, require_images, to_common_size, unit_vectors
from kdbench.zoo.losses.phases import Phase


class FactorTransfer(LossModule):
    """L1 distance of normalized factors, with cross-entropy, once an autoencoder has learnt the teacher's factors.

    Formula: during initialization mean of (D(E(f_t)) - f_t)^2; afterwards weight * mean over samples and elements of
    |u(R(f_s)) - u(E(f_t))| + ce_weight * CE(z_s, y), u dividing a sample's factor by its L2 norm. Encoder E (the
    paraphraser), decoder D and translator R have three layers each: 3x3 convolution, BN, LeakyReLU(.1); the factor has
    rate * the teacher's channels. E and D learn during initialization alone; then E is frozen, its BN included.
    Shapes: logits [B, C]; labels [B], int64; features [B, channels, height, width]; where heights or widths differ, the
    larger features are averaged down first. Gives a scalar, float32.
    Units: squared activations of the teacher; afterwards parts of a unit vector per element, plus nats per sample.
    Raises: NotApplicable where a layer does not exist or is flat, or the initialization would last as long as the
    training.
    Source: Kim, Park, Kwak 2018, Paraphrasing Complex Network (arXiv:1802.04977); weight 200 and 30 epochs of
    initialization as in RepDistiller (the authors' code: 500, and 5 or 6 epochs, on CIFAR-10), k .5 in both.
    Differs: init_epochs are part of the training (by default 30 of 240 in proportion), where the published ones come on
    top, with an optimizer of their own. Batch norm, as in torchdistill: the authors' code has none, RepDistiller only
    in the translator, and it trains the paraphraser of resnets with a lower learning rate. The authors' code
    reconstructs in L1, RepDistiller in L2. The factor is compared whole, as in the authors' code; RepDistiller compares
    its mean square over channels, a map of height x width, which knows no channel, so that its 200 weighs another term.
    The student's running BN statistics move during initialization, its weights do not.
    """

    def __init__(
        self,
        student: Trace,
        teacher: Trace,
        *,
        student_layer: str = "last",
        teacher_layer: str = "last",
        rate: Positive = 0.5,
        init_epochs: NonNegative | None = None,
        weight: Weight = 200.0,
        ce_weight: NonNegative = 1.0,
    ) -> None:
        layers = (student_layer,), (teacher_layer,)
        require_images("factor_transfer", student, teacher, *layers, option="layer")
        super().__init__(student, teacher, *layers)
        own, other = student.shape(student_layer)[0], teacher.shape(teacher_layer)[0]
        factor = max(1, round(rate * other))
        self.encoder = _layers(nn.Conv2d, other, other, factor, factor)
        self.decoder = _layers(nn.ConvTranspose2d, factor, factor, other, other)
        self.translator = _layers(nn.Conv2d, own, own, factor, factor)
        self.phase = Phase(init_epochs, published=30)
        self.weight = weight
        self.ce_weight = ce_weight

    def initialization(self, epochs: int) -> float:
        return self.phase.span(epochs)

    def forward(self, student: Outputs, teacher: Outputs, labels: Tensor | None, moment: Moment) -> Tensor:
        paraphrasing = self.phase.lasts("factor_transfer", moment)
        self.encoder.train(paraphrasing)
        [images] = self.paired_features(student, teacher)
        given, wanted = to_common_size(*images)
        if paraphrasing:
            return functional.mse_loss(by_channel(self.decoder(self.encoder(wanted))), by_channel(wanted))
        with torch.no_grad():
            factor = _unit_factor(self.encoder(wanted))
        distance = functional.l1_loss(_unit_factor(self.translator(given)), factor)
        return self.weight * distance + labels_term(student.logits.float(), labels, self.ce_weight)


def _unit_factor(factor: Tensor) -> Tensor:
    """[B, all of it], each sample over its L2 norm."""
    return unit_vectors(by_channel(factor).flatten(1))


def _layers(kind: type[nn.Conv2d] | type[nn.ConvTranspose2d], *channels: int) -> nn.Sequential:
    """One layer from each number of channels to the next. No bias: batch norm would cancel it."""
    layers: list[nn.Module] = []
    for before, after in pairwise(channels):
        layers += [kind(before, after, kernel_size=3, padding=1, bias=False), nn.BatchNorm2d(after), nn.LeakyReLU(0.1)]
    return nn.Sequential(*layers)
