"""Hand-worked values: logits are logarithms, so that probabilities are simple fractions."""

from math import log

import pytest
import torch
from torch.nn import functional

from kdbench.zoo import Outputs
from kdbench.zoo.interface import NotApplicable
from kdbench.zoo.losses.cross_entropy import cross_entropy
from kdbench.zoo.losses.kd import kd
from kdbench.zoo.losses.label_smoothing import label_smoothing
from kdbench.zoo.losses.logit_mse import logit_mse
from kdbench.zoo.losses.probability_mse import probability_mse
from kdbench.zoo.losses.pseudo_label import pseudo_label
from kdbench.zoo.losses.soft_cross_entropy import soft_cross_entropy

# softmax(log p) = p, so p_s = (1/2, 1/4, 1/4) and p_t = (1/4, 1/2, 1/4); the label is class 0: CE = log 2.
STUDENT = Outputs(torch.tensor([[log(2.0), 0.0, 0.0]]))
TEACHER = Outputs(torch.tensor([[0.0, log(2.0), 0.0]]))
LABELS = torch.tensor([0])


def test_cross_entropy_is_minus_log_p() -> None:
    assert cross_entropy(STUDENT, LABELS).item() == pytest.approx(log(2))


def test_label_smoothing_spreads_over_the_others() -> None:
    # q = (.9, .05, .05): -.9 log 1/2 - .1 log 1/4 = .9 log 2 + .2 log 2 = 1.1 log 2
    assert label_smoothing(STUDENT, LABELS).item() == pytest.approx(1.1 * log(2))
    # torch's q = (.9 + .1/3, .1/3, .1/3), so ours at a = .1 is torch's at .1 * C / (C - 1) = .15
    torchs = functional.cross_entropy(STUDENT.logits, LABELS, label_smoothing=0.15).item()
    assert label_smoothing(STUDENT, LABELS).item() == pytest.approx(torchs)


def test_label_smoothing_of_shares_spreads_each_of_them() -> None:
    # y = (.6, .4, 0): q = .9 y + .05 (1 - y) = (.56, .39, .05), so .56 log 2 + .44 log 4 = 1.44 log 2
    shares = torch.tensor([[0.6, 0.4, 0.0]])
    assert label_smoothing(STUDENT, shares).item() == pytest.approx(1.44 * log(2))
    whole = functional.one_hot(LABELS, 3).float()
    assert label_smoothing(STUDENT, whole).item() == pytest.approx(1.1 * log(2))


def test_label_smoothing_needs_two_classes() -> None:
    with pytest.raises(NotApplicable, match="at least 2 classes, got 1"):
        label_smoothing(Outputs(torch.zeros(2, 1)), torch.tensor([0, 0]))


def test_kd_at_temperature_1() -> None:
    # KL(t||s) = 1/4 log(1/2) + 1/2 log 2 + 0 = 1/4 log 2
    value = kd(STUDENT, TEACHER, LABELS, temperature=1.0, weight=1.0, ce_weight=0.0)
    assert value.item() == pytest.approx(log(2) / 4)


def test_kd_at_temperature_2_is_asymmetric_and_scaled() -> None:
    # The logits 2 log 9, 0, 0 over T = 2 give p_s = (9, 1, 1)/11; t is uniform (0, 0, 0): p_t = 1/3 each.
    # KL(t||s) = 1/3 log(11/27) + 2/3 log(11/3) = log(11/3) - 1/3 log 9, times T^2 = 4.
    # The swapped one is 9/11 log(27/11) + 2/11 log(3/11), another number.
    student, teacher = Outputs(torch.tensor([[2 * log(9.0), 0.0, 0.0]])), Outputs(torch.zeros(1, 3))
    value = kd(student, teacher, LABELS, temperature=2.0, weight=1.0, ce_weight=0.0).item()
    assert value == pytest.approx(4 * (log(11 / 3) - log(9) / 3), rel=1e-5)
    assert value != pytest.approx(4 * (9 / 11 * log(27 / 11) + 2 / 11 * log(3 / 11)), rel=0.1)


def test_kd_weighs_both_terms() -> None:
    # .9 * 1/4 log 2 + .1 log 2
    assert kd(STUDENT, TEACHER, LABELS, temperature=1.0).item() == pytest.approx(0.325 * log(2))


def test_soft_cross_entropy() -> None:
    # -(1/4 log 1/2 + 1/2 log 1/4 + 1/4 log 1/4) = 1/4 log 2 + 3/2 log 2 = 7/4 log 2, and CE log 2 on top
    assert soft_cross_entropy(STUDENT, TEACHER, LABELS).item() == pytest.approx(2.75 * log(2))


def test_logit_mse() -> None:
    # differences (log 2, -log 2, 0): mean of squares 2/3 (log 2)^2, times .1, and CE log 2
    assert logit_mse(STUDENT, TEACHER, LABELS).item() == pytest.approx(0.1 * 2 / 3 * log(2) ** 2 + log(2))


def test_probability_mse_sums_over_classes() -> None:
    # differences (1/4, -1/4, 0): 1/8, and CE log 2
    assert probability_mse(STUDENT, TEACHER, LABELS).item() == pytest.approx(1 / 8 + log(2))


def test_pseudo_label_follows_the_teachers_decision() -> None:
    # the teacher decides for class 1: .5 * log 4 + .5 * log 2 = 3/2 log 2
    assert pseudo_label(STUDENT, TEACHER, LABELS).item() == pytest.approx(1.5 * log(2))


@pytest.mark.parametrize("loss", [kd, soft_cross_entropy])
def test_gradient_keeps_its_scale_across_temperatures(loss) -> None:
    # For small logits the gradient of T^2 KL is (z_s - z_t) / C per sample, whatever T.
    generator = torch.Generator().manual_seed(0)
    student, teacher = 0.01 * torch.randn(2, 4, 10, generator=generator)
    labels = torch.zeros(4, dtype=torch.int64)
    expected = ((student - student.mean(1, True)) - (teacher - teacher.mean(1, True))) / 10 / 4
    for temperature in (1.0, 2.0, 4.0, 20.0):
        leaf = student.clone().requires_grad_()
        loss(Outputs(leaf), Outputs(teacher), labels, temperature=temperature, weight=1.0, ce_weight=0.0).backward()
        torch.testing.assert_close(leaf.grad, expected, rtol=0.05, atol=1e-5)


def test_soft_cross_entropy_has_the_gradient_of_kd() -> None:
    generator = torch.Generator().manual_seed(0)
    student, teacher = 3 * torch.randn(2, 4, 10, generator=generator)
    labels = torch.arange(4)
    gradients = []
    for loss in (kd, soft_cross_entropy):
        leaf = student.clone().requires_grad_()
        loss(Outputs(leaf), Outputs(teacher), labels, temperature=3.0, weight=0.7, ce_weight=0.2).backward()
        gradients.append(leaf.grad)
    torch.testing.assert_close(gradients[0], gradients[1])


def test_the_gradient_of_probability_mse_is_tiny_where_the_student_is_certain() -> None:
    # The student is certain and wrong: kd pulls with about 1 per sample, squared probabilities with e^-20.
    labels = torch.tensor([1])
    pulls = []
    for loss in (kd, probability_mse):
        leaf = torch.tensor([[20.0, 0.0, 0.0]], requires_grad=True)
        options = {"temperature": 1.0} if loss is kd else {}
        loss(
            Outputs(leaf), Outputs(torch.tensor([[0.0, 20.0, 0.0]])), labels, weight=1.0, ce_weight=0.0, **options
        ).backward()
        pulls.append(leaf.grad.abs().max().item())
    assert pulls[0] > 0.9
    assert pulls[1] < 1e-6
