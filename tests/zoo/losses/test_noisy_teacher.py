"""noisy_teacher: a hand-worked value, the noise's statistics, numpy from the paper, and a training."""

from dataclasses import replace
from math import log

import numpy as np
import pytest
import torch
from torch import Tensor

from kdbench.zoo import Outputs
from kdbench.zoo.interface import Draw, Moment
from kdbench.zoo.losses.kd import kd
from kdbench.zoo.losses.noisy_teacher import noisy_teacher, perturb
from tests.zoo.losses.training import assert_learns_alike_alone_and_beside, on_digits


def moment(samples: Tensor, seed: int = 0, epoch: int = 1) -> Moment:
    return Moment(epoch - 1.0, 240, Draw(seed, epoch, samples), torch.zeros(1000, dtype=torch.int64))


class Fixed(Draw):
    """Two samples, of which the first is chosen, and whose noise is (2, 1) throughout."""

    def uniform(self, stream: str, count: int = 1) -> Tensor:
        assert (stream, count) == ("noisy_teacher chosen", 1)
        return torch.tensor([[0.49], [0.5]])

    def normal(self, stream: str, count: int) -> Tensor:
        assert (stream, count) == ("noisy_teacher noise", 4)
        return torch.tensor([[2.0, 1.0, 0.0, 0.0]] * 2)


def test_by_hand() -> None:
    # Deviation 1, so the first teacher's logits (0, log 2) times (1 + 2, 1 + 1) are (0, log 4): p = (1/5, 4/5), against
    # (1/2, 1/2): KL = 1/5 log 2/5 + 4/5 log 8/5 = 13/5 log 2 - log 5. The second stays (1/3, 2/3): 5/3 log 2 - log 3.
    # Mean of both at T 1, times .9; CE is log 2.
    student = Outputs(torch.zeros(2, 2))
    teacher = Outputs(torch.tensor([[0.0, log(2.0)]] * 2))
    now = Moment(0.0, 240, Fixed(0, 1, torch.arange(2)), torch.zeros(2, dtype=torch.int64))
    value = noisy_teacher(student, teacher, torch.tensor([0, 1]), now, variance=1.0, temperature=1.0).item()
    first, second = 2.6 * log(2) - log(5), 5 / 3 * log(2) - log(3)
    assert value == pytest.approx(0.9 * (first + second) / 2 + 0.1 * log(2), rel=1e-6)


def test_without_noise_it_is_kd() -> None:
    student, teacher = (Outputs(torch.randn(6, 4, generator=torch.Generator().manual_seed(s))) for s in (0, 1))
    labels, now = torch.arange(6) % 4, moment(torch.arange(6))
    assert torch.equal(noisy_teacher(student, teacher, labels, now, variance=0.0), kd(student, teacher, labels))
    assert not torch.equal(noisy_teacher(student, teacher, labels, now), kd(student, teacher, labels))


def test_half_of_the_samples_are_multiplied_by_1_plus_noise_of_variance_a_tenth() -> None:
    factors = perturb(torch.ones(20000, 5), Draw(3, 2, torch.arange(20000)), 0.1, 0.5)
    chosen = (factors != 1).all(dim=1)
    assert torch.equal(chosen, (factors != 1).any(dim=1))  # a sample is perturbed as a whole
    assert chosen.float().mean().item() == pytest.approx(0.5, abs=4 * 0.5 / 20000**0.5)
    noise = factors[chosen] - 1
    assert noise.mean().item() == pytest.approx(0, abs=4 * (0.1 / noise.numel()) ** 0.5)
    assert noise.var().item() == pytest.approx(0.1, rel=4 * (2 / noise.numel()) ** 0.5)
    assert torch.corrcoef(noise.T).fill_diagonal_(0).abs().max() < 5 / len(noise) ** 0.5  # each logit has its own


def test_noise_is_a_function_of_seed_epoch_and_sample_and_not_of_other_classes() -> None:
    samples = torch.tensor([7, 3, 900, 12])
    draw = Draw(1, 2, samples)
    whole = perturb(torch.ones(4, 5), draw, 0.1, 1.0)
    order = torch.tensor([2, 0])
    assert torch.equal(perturb(torch.ones(2, 5), replace(draw, samples=samples[order]), 0.1, 1.0), whole[order])
    assert torch.equal(perturb(torch.ones(4, 3), draw, 0.1, 1.0), whole[:, :3])
    for other in (replace(draw, seed=2), replace(draw, step=3), replace(draw, samples=samples + 1)):
        assert (perturb(torch.ones(4, 5), other, 0.1, 1.0) != whole).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64], ids=str)
@pytest.mark.parametrize("temperature", [1.0, 4.0, 20.0])
@pytest.mark.parametrize("shape", [(5, 3), (16, 10), (32, 100)], ids=str)
def test_equal_to_float64_numpy_from_the_paper(shape, temperature, dtype) -> None:
    generator = torch.Generator().manual_seed(shape[1])
    student, teacher = (3 * torch.randn(2, *shape, generator=generator)).to(dtype)
    labels = torch.randint(shape[1], shape[:1], generator=generator)
    now = moment(torch.randperm(1000, generator=generator)[: shape[0]], seed=4, epoch=9)
    options = {"variance": 0.3, "probability": 0.4, "temperature": temperature}
    value = noisy_teacher(Outputs(student), Outputs(teacher), labels, now, **options)
    factor = perturb(torch.ones(shape), now.draw, 0.3, 0.4).double().numpy()  # float32 holds it to 6e-8
    total = 0.0
    for z_s, z_t, xi, y in zip(student.double().numpy(), teacher.double().numpy(), factor, labels, strict=True):
        p_t, p_s, p = (np.exp(z) / np.exp(z).sum() for z in (xi * z_t / temperature, z_s / temperature, z_s))
        total += 0.9 * temperature**2 * (p_t * np.log(p_t / p_s)).sum() - 0.1 * np.log(p[y])
    assert value.dtype == torch.float32
    assert value.item() == pytest.approx(total / shape[0], rel=1e-5)


def test_it_trains_alike_alone_and_in_a_cohort() -> None:
    assert_learns_alike_alone_and_beside(on_digits("noisy_teacher"))
