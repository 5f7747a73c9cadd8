"""Overhaul of feature distillation: the value, the margins, oracles from the paper, and a training."""

from math import log, pi, sqrt

import numpy as np
import pytest
import torch
from scipy.stats import truncnorm
from torch import nn

from kdbench.deploy.export.export import hash_weights
from kdbench.spec import Choice
from kdbench.zoo import NotApplicable, Outputs, check_loss, trace
from kdbench.zoo.losses.overhaul import Overhaul
from kdbench.zoo.models.cnn import cnn
from kdbench.zoo.models.mlp import mlp
from kdbench.zoo.models.resnet_cifar import resnet_cifar
from tests.zoo.losses.training import alike_alone_and_beside, drawn, on_noise

SHAPE = (3, 16, 16)


def one_layer(gamma: list[float], beta: list[float], affine: bool = True) -> nn.Module:
    """conv - BN - ReLU - pool - linear, with these weights of the batch norm."""
    network = nn.Sequential(
        nn.Conv2d(3, len(gamma), 3, padding=1),
        nn.BatchNorm2d(len(gamma), affine=affine),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(len(gamma), 2),
    )
    if affine:
        network[1].weight.data = torch.tensor(gamma)
        network[1].bias.data = torch.tensor(beta)
    return network


def margins(gamma: list[float], beta: list[float], affine: bool = True) -> torch.Tensor:
    traced = trace(one_layer(gamma, beta, affine), SHAPE)
    return Overhaul(traced, traced, student_layers=("2",), teacher_layers=("2",)).margin0


def test_value_by_hand() -> None:
    # One channel with mean 0 and spread 1: the margin is -phi(0)/Phi(0) = -.3989/.5 = -sqrt(2/pi) = -.7979.
    # Student (connector left out) and teacher at 4 places of one sample, the teacher cut at the margin:
    #   -1 and -2: both below 0, the student below the margin: 0. 0 and -2: (0 + .7979)^2 = 2/pi.
    #   -1 and 1: (-1 - 1)^2 = 4. .5 and -.5: (.5 + .5)^2 = 1.
    # Weight 10 * (5 + 2/pi); a second sample, alike, changes nothing. CE of uniform logits: log 2.
    traced = trace(one_layer([1.0], [0.0]), SHAPE)
    loss = Overhaul(traced, traced, student_layers=("2",), teacher_layers=("2",), weight=10.0)
    loss.connectors[0] = nn.Identity()
    places = [torch.tensor(x).view(1, 1, 2, 2) for x in ([-1.0, 0.0, -1.0, 0.5], [-2.0, -2.0, 1.0, -0.5])]
    for samples in (1, 2):
        student, teacher = (Outputs(torch.zeros(samples, 2), {"before:2": x.repeat(samples, 1, 1, 1)}) for x in places)
        value = loss(student, teacher, torch.zeros(samples, dtype=torch.int64)).item()
        assert value == pytest.approx(10 * (5 + 2 / pi) + log(2), rel=1e-6)


def test_margins_by_hand() -> None:
    # Mean 0: -s sqrt(2/pi). Mean 4 s, where 3 of 100,000 responses are negative: -3 s. The sign of gamma is nothing.
    # No spread: what batch norm gives always, if it is below 0.
    found = margins([1.0, -2.0, 0.5, 0.0, 0.0], [0.0, 0.0, 2.0, -1.5, 1.5])
    expected = torch.tensor([-sqrt(2 / pi), -2 * sqrt(2 / pi), -1.5, -1.5, 0.0])
    assert torch.allclose(found, expected, rtol=1e-6, atol=1e-9)
    assert margins([1.0], [0.0], affine=False).item() == pytest.approx(-sqrt(2 / pi))


def test_margins_are_means_of_truncated_gaussians() -> None:
    generator = np.random.default_rng(0)
    gamma, beta = generator.normal(size=40), 1.5 * generator.normal(size=40)
    spread = np.abs(gamma)
    means = truncnorm(-np.inf, -beta / spread, loc=beta, scale=spread)
    rare = means_rare(beta / spread)
    expected = np.where(rare, -3 * spread, means.mean())
    found = margins(gamma.tolist(), beta.tolist()).double().numpy()
    assert 0 < rare.sum() < 40
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def means_rare(ratio: np.ndarray) -> np.ndarray:
    return ratio > 3.0902323  # the standard normal is below -3.09 once in 1,000


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("batch", [1, 5])
def test_the_term_from_the_paper(dtype: torch.dtype, batch: int) -> None:
    # No torchdistill loss. Place by place over the three stages of resnets, in float64, connectors left out.
    traced = trace(resnet_cifar(4, SHAPE, depth=8), SHAPE)
    loss = Overhaul(traced, traced, ce_weight=0.0)
    loss.connectors = nn.ModuleList(nn.Identity() for _ in loss.connectors)
    generator = torch.Generator().manual_seed(0)
    student, teacher = (
        {layer: torch.randn(batch, *traced.shape(layer), generator=generator).to(dtype) for layer in layers}
        for layers in (loss.student_layers, loss.teacher_layers)
    )
    margin, total = -sqrt(2 / pi), 0.0  # of a batch norm as it is drawn
    for stage, layer in enumerate(loss.student_layers, start=1):
        s, t = student[layer].double().numpy(), teacher[layer].double().numpy()
        target = np.where(t > margin, t, margin)
        skipped = (s <= target) & (target <= 0)
        total += np.where(skipped, 0, (s - target) ** 2).sum() / batch / 2 ** (3 - stage)
    logits, labels = torch.zeros(batch, 4), torch.zeros(batch, dtype=torch.int64)
    assert loss(Outputs(logits, student), Outputs(logits, teacher), labels).item() == pytest.approx(
        total / 1000, rel=1e-5
    )


def test_margins_are_those_of_the_teachers_last_batch_norms_and_do_not_learn() -> None:
    student, teacher = resnet_cifar(4, SHAPE, depth=8), resnet_cifar(4, SHAPE, depth=14)
    nn.init.constant_(teacher.stage3[1].bn2.weight, 2.0)
    nn.init.constant_(teacher.stage3[1].bn2.bias, -20.0)
    loss = Overhaul(trace(student, SHAPE), trace(teacher, SHAPE))
    assert loss.student_layers == ("before:stage1", "before:stage2", "before:stage3")
    assert torch.allclose(loss.margin2, torch.full((64,), -20.0))  # all responses are negative: their mean
    assert torch.allclose(loss.margin1, torch.full((32,), -sqrt(2 / pi)))
    assert not any("margin" in name for name, _ in loss.named_parameters())
    nn.init.constant_(teacher.stage3[1].bn2.bias, 0.0)
    assert torch.allclose(loss.margin2, torch.full((64,), -20.0))  # a copy


def test_what_it_cannot_serve() -> None:
    plain, normed = trace(cnn(4, SHAPE), SHAPE), trace(resnet_cifar(4, SHAPE, depth=8), SHAPE)
    with pytest.raises(
        NotApplicable, match="overhaul takes its margins from the teacher's batch norm: no batch norm over 32"
    ):
        Overhaul(plain, plain)
    with pytest.raises(NotApplicable, match=r"the student's are \[64, 8, 8\], the teacher's \[64, 4, 4\]"):
        Overhaul(plain, normed, student_layers=("relu2",), teacher_layers=("stage3",))
    flat = trace(mlp(4, SHAPE, hidden=(7,)), SHAPE)
    with pytest.raises(NotApplicable, match="no batch norm over 7 channels"):
        Overhaul(flat, flat)
    Overhaul(plain, normed, student_layers=("relu1",), teacher_layers=("stage1",))  # the student may have none


def test_the_contract_finds_a_pair_with_batch_norm_and_says_where_there_is_none() -> None:
    check_loss("overhaul")
    with pytest.raises(NotApplicable, match="no layer 'nowhere'"):
        check_loss("overhaul", student_layers=("nowhere",), teacher_layers=("nowhere",))


RESNETS = Choice(use="resnet_cifar", options={"depth": 8}), Choice(use="resnet_cifar", options={"depth": 14})


def test_a_cohort_changes_nothing() -> None:
    overhaul, other = on_noise("overhaul", *RESNETS), on_noise("kd", *RESNETS)
    alone = alike_alone_and_beside(overhaul, other)
    assert hash_weights(alone.model) != hash_weights(drawn(overhaul))
    losses = [point.train_loss for point in alone.curve[1:]]
    assert losses[-1] < 0.9 * losses[0]
