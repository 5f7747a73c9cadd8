"""Hand-worked values of the logit losses: logits are logarithms, so that probabilities are simple fractions."""

from collections.abc import Callable
from functools import partial
from math import exp, log, sqrt

import pytest
import torch

from kdbench.zoo import Outputs
from kdbench.zoo.interface import Draw, Moment, NotApplicable
from kdbench.zoo.losses.agreement_masked import agreement_masked
from kdbench.zoo.losses.dist import dist
from kdbench.zoo.losses.dkd import dkd as dkd_of_a_moment
from kdbench.zoo.losses.logit_standardization import logit_standardization
from kdbench.zoo.losses.multi_level import multi_level
from kdbench.zoo.losses.nkd import nkd
from kdbench.zoo.losses.ttm import ttm, wttm

# softmax(log p) = p, so p_s = (1/2, 1/4, 1/4) and p_t = (1/4, 1/2, 1/4); for the label 0 CE is log 2.
STUDENT = Outputs(torch.tensor([[log(2.0), 0.0, 0.0]]))
TEACHER = Outputs(torch.tensor([[0.0, log(2.0), 0.0]]))
LABELS = torch.tensor([0])
dkd = partial(dkd_of_a_moment, moment=Moment(239.0, 240, Draw(0, 240, torch.arange(1)), LABELS))  # warmed up
SHARES = torch.tensor([[0.6, 0.4, 0.0]])  # CE: .6 log 2 + .4 log 4 = 1.4 log 2


def logits(*rows: tuple[float, ...]) -> Outputs:
    """Outputs whose probabilities are these."""
    return Outputs(torch.tensor(rows).log())


def test_agreement_masked_with_the_teacher() -> None:
    # T = 1/2 squares: p_s = (2/3, 1/6, 1/6) of both samples. The first teacher agrees with (8/9, 1/18, 1/18):
    # 8/9 log 3/2 + 1/9 log 6; the second decides for class 1: 0. Mean over both, no T^2; CE is log 2.
    student = Outputs(STUDENT.logits.repeat(2, 1))
    teacher = Outputs(torch.tensor([[log(4.0), 0.0, 0.0], [0.0, log(4.0), 0.0]]))
    value = agreement_masked(student, teacher, torch.tensor([0, 0])).item()
    assert value == pytest.approx(0.5 * (8 / 9 * log(1.5) + log(6) / 9) / 2 + 0.5 * log(2))


@pytest.mark.parametrize("soft", [False, True])
def test_agreement_masked_with_the_label(soft: bool) -> None:
    # The students decide for class 0, which is the first one's label, not the second's; no teacher agrees.
    # The first: p_t = (1/18, 8/9, 1/18): 1/18 log 3/2 + 17/18 log 6. CE: log 2 and log 4.
    student = Outputs(STUDENT.logits.repeat(2, 1))
    teacher = Outputs(torch.tensor([[0.0, log(4.0), 0.0]]).repeat(2, 1))
    labels = torch.eye(3)[:2] if soft else torch.tensor([0, 1])
    value = agreement_masked(student, teacher, labels, agree_with="label").item()
    assert value == pytest.approx(0.5 * (log(1.5) / 18 + 17 / 18 * log(6)) / 2 + 0.5 * 1.5 * log(2))


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_dist(temperature: float) -> None:
    # Rows, centred: student (2, -1, -1), (-1, 2, -1), (-1, -1, 2) over 12; the teacher's first two alike, the third
    # (2, -1, -1) over 7.5: rho 1, 1, -3/6. Mean distance (0 + 0 + 3/2) / 3 = 1/2.
    # The student's columns are its rows. The teacher's: (1/2, 1/4, 3/5) -> (1, -4, 3)/20, rho 3 / sqrt(6 * 26);
    # (1/4, 1/2, 1/5) -> (-4, 11, -7)/60, rho 33 / sqrt(6 * 186); (1/4, 1/4, 1/5) -> (1, 1, -2)/60, rho -1.
    student = logits((1 / 2, 1 / 4, 1 / 4), (1 / 4, 1 / 2, 1 / 4), (1 / 4, 1 / 4, 1 / 2))
    teacher = logits((1 / 2, 1 / 4, 1 / 4), (1 / 4, 1 / 2, 1 / 4), (3 / 5, 1 / 5, 1 / 5))
    rows, columns = 1 / 2, (4 - 3 / sqrt(6 * 26) - 33 / sqrt(6 * 186)) / 3
    one, two = (Outputs(o.logits * temperature) for o in (student, teacher))
    labels = torch.arange(3)

    def value(**options: float) -> float:
        return dist(one, two, labels, temperature=temperature, **options).item()

    assert value(ce_weight=0.0) == pytest.approx(2 * temperature**2 * (rows + columns), rel=1e-5)
    assert value(gamma=0.0, ce_weight=0.0) == pytest.approx(2 * temperature**2 * rows, rel=1e-5)
    assert value(beta=0.0, weight=1.0, ce_weight=0.0) == pytest.approx(temperature**2 * columns, rel=1e-5)
    # at T 1 each student gives its label 1/2, so CE is log 2; at T 2 4/6, so log 3/2
    assert value() - value(ce_weight=0.0) == pytest.approx({1.0: log(2), 2.0: log(1.5)}[temperature], rel=1e-5)


def test_dist_takes_t_4_unless_told() -> None:
    four = dist(Outputs(torch.eye(3)), Outputs(torch.eye(3).roll(1, 0)), torch.arange(3), temperature=4.0)
    assert dist(Outputs(torch.eye(3)), Outputs(torch.eye(3).roll(1, 0)), torch.arange(3)).item() == four.item()


def test_logit_standardization() -> None:
    # (5, 3, 1) has mean 3 and deviation 2 (divisor C - 1): (1, 0, -1). (10, 0, 20): 10 and 10, so (0, -1, 1).
    # T = 1 / log 2 makes p_s = (4, 2, 1)/7, p_t = (2, 1, 4)/7: KL(t||s) = 3/7 log 1/2 + 4/7 log 4 = 5/7 log 2.
    student, teacher = Outputs(torch.tensor([[5.0, 3.0, 1.0]])), Outputs(torch.tensor([[10.0, 0.0, 20.0]]))
    value = logit_standardization(student, teacher, LABELS, temperature=1 / log(2)).item()
    cross_entropy = log(1 + exp(-2) + exp(-4))
    assert value == pytest.approx(9 * (5 / 7 * log(2)) / log(2) ** 2 + 0.1 * cross_entropy, rel=1e-5)


def test_logit_standardization_takes_t_2_unless_told() -> None:
    # (1, 0, -1) and (0, -1, 1) over 2 have the same normalizer Z = r + 1 + 1/r, r = exp(1/2), so that KL(t||s) is
    # sum p_t (t - s) / 2 = (-1 - 1/r + 2 r) / Z / 2. Times 9 T^2 = 36.
    student, teacher = Outputs(torch.tensor([[5.0, 3.0, 1.0]])), Outputs(torch.tensor([[10.0, 0.0, 20.0]]))
    r = exp(0.5)
    value = logit_standardization(student, teacher, LABELS, ce_weight=0.0).item()
    assert value == pytest.approx(18 * (2 * r - 1 - 1 / r) / (r + 1 + 1 / r), rel=1e-5)


# The label 0: b_s = (1/2, 1/2), b_t = (1/4, 3/4): KL = 1/4 log 1/2 + 3/4 log 3/2 = 3/4 log 3 - log 2.
# phat_s = (1/2, 1/2), phat_t = (2/3, 1/3): KL = 2/3 log 4/3 + 1/3 log 2/3 = 5/3 log 2 - log 3.
TARGET, OTHERS = 0.75 * log(3) - log(2), 5 / 3 * log(2) - log(3)


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_dkd(temperature: float) -> None:
    one, two = (Outputs(o.logits * temperature) for o in (STUDENT, TEACHER))
    value = dkd(one, two, LABELS, temperature=temperature, ce_weight=0.0).item()
    assert value == pytest.approx(temperature**2 * (TARGET + 8 * OTHERS), rel=1e-5)


def test_dkd_weighs_its_parts() -> None:
    value = dkd(STUDENT, TEACHER, LABELS, temperature=1.0, alpha=3.0, beta=2.0, ce_weight=0.5).item()
    assert value == pytest.approx(3 * TARGET + 2 * OTHERS + 0.5 * log(2))
    # beta = 1 - p_t[y] = 3/4 puts the divergence together again: KL(p_t || p_s) = 1/4 log 2
    whole = dkd(STUDENT, TEACHER, LABELS, temperature=1.0, beta=0.75, ce_weight=0.0).item()
    assert whole == pytest.approx(log(2) / 4)


def test_dkd_of_shares() -> None:
    # The label 1: b_s = (1/4, 3/4), b_t = (1/2, 1/2): KL = 1/2 log 2 + 1/2 log 2/3 = log 2 - 1/2 log 3.
    # The others are 0 and 2: phat_s = (2/3, 1/3), phat_t = (1/2, 1/2): 1/2 log 3/4 + 1/2 log 3/2 = log 3 - 3/2 log 2.
    value = dkd(STUDENT, TEACHER, SHARES, temperature=1.0, beta=2.0).item()
    first, second = TARGET + 2 * OTHERS, (log(2) - log(3) / 2) + 2 * (log(3) - 1.5 * log(2))
    assert value == pytest.approx(0.6 * first + 0.4 * second + 1.4 * log(2))


def test_nkd() -> None:
    # The label 0: 1/4 log 2 on the target; phat_s is uniform, so log 2 among the others: 1/4 + 3/2 + 1 times log 2.
    assert nkd(STUDENT, TEACHER, LABELS).item() == pytest.approx(2.75 * log(2))
    # The label 2: p_t = p_s = 1/4: 1/4 log 4. phat_s = (2/3, 1/3), phat_t = (1/3, 2/3): 1/3 log 3/2 + 2/3 log 3
    # = log 3 - 1/3 log 2, times 3/2. CE log 4. Together 2 log 2 + 3/2 log 3.
    assert nkd(STUDENT, TEACHER, torch.tensor([2])).item() == pytest.approx(2 * log(2) + 1.5 * log(3))


def test_nkd_softens_the_others_alone() -> None:
    # The logits doubled, T = 2: the others are as before, times T^2; at T = 1 p_s[2] = p_t[2] = 1/6.
    one, two = Outputs(2 * STUDENT.logits), Outputs(2 * TEACHER.logits)
    value = nkd(one, two, torch.tensor([2]), temperature=2.0).item()
    assert value == pytest.approx(log(6) / 6 + 1.5 * 4 * (log(3) - log(2) / 3) + log(6))


def test_nkd_of_shares() -> None:
    # The label 1: 1/2 log 4 on the target; the others 0 and 2: phat_s = (2/3, 1/3), phat_t = (1/2, 1/2):
    # 1/2 log 3/2 + 1/2 log 3 = log 3 - 1/2 log 2.
    value = nkd(STUDENT, TEACHER, SHARES).item()
    assert value == pytest.approx(0.6 * 1.75 * log(2) + 0.4 * (log(2) + 1.5 * (log(3) - log(2) / 2)) + 1.4 * log(2))


def test_ttm_and_wttm_at_gamma_half() -> None:
    # p_t = (16, 1, 1)/18, its root (4, 1, 1)/sqrt 18, so U = 6 / sqrt 18 = sqrt 2 and the target is (2/3, 1/6, 1/6).
    # KL to p_s = 2/3 log 4/3 + 1/3 log 2/3 = 5/3 log 2 - log 3.
    teacher = Outputs(torch.tensor([[log(16.0), 0.0, 0.0]]))
    divergence = 5 / 3 * log(2) - log(3)
    assert ttm(STUDENT, teacher, LABELS, gamma=0.5).item() == pytest.approx(45 * divergence + log(2), rel=1e-5)
    value = wttm(STUDENT, teacher, LABELS, gamma=0.5).item()
    assert value == pytest.approx(4 * sqrt(2) * divergence + log(2), rel=1e-5)


def test_ttm_and_wttm_by_default() -> None:
    # gamma .1 of 10 log 2 and .2 of 5 log 2 are log 2: the target is (1/4, 1/2, 1/4), KL = 1/4 log 2.
    # The latter's p_t = (1, 32, 1)/34, so U = (1 + 2 + 1) / 34^.2.
    ten, five = Outputs(10 * TEACHER.logits), Outputs(5 * TEACHER.logits)
    assert ttm(STUDENT, ten, LABELS).item() == pytest.approx(45 / 4 * log(2) + log(2), rel=1e-5)
    assert wttm(STUDENT, five, LABELS).item() == pytest.approx(4 * 4 / 34**0.2 * log(2) / 4 + log(2), rel=1e-5)


@pytest.mark.parametrize("loss", [ttm, wttm])
def test_ttm_is_at_its_best_at_gamma_times_the_teachers_logits(loss: Callable[..., torch.Tensor]) -> None:
    one, two = Outputs(0.3 * TEACHER.logits), TEACHER
    assert loss(one, two, LABELS, gamma=0.3, ce_weight=0.0).item() == pytest.approx(0, abs=1e-6)
    assert loss(two, two, LABELS, gamma=0.3, ce_weight=0.0).item() > 0.01


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_multi_level(temperature: float) -> None:
    # One sample: P_s = (1/2, 1/2), P_t = (3/4, 1/4). KL = 3/4 log 3/2 + 1/4 log 1/2 = 3/4 log 3 - log 2.
    # Between samples: (10/16 - 1/2)^2 = 1/64. Between classes: P_t'P_t - P_s'P_s = (5, -1, -1, -3)/16,
    # squares 36/256 = 9/64, over C = 2: 9/128. With N = B = 1 these are the paper's.
    student, teacher = Outputs(torch.zeros(1, 2)), Outputs(torch.tensor([[temperature * log(3.0), 0.0]]))
    divergence = temperature**2 * (0.75 * log(3) - log(2))

    def value(times: int, reference_batch: int) -> float:
        options = {"temperatures": (temperature,) * times, "reference_batch": reference_batch}
        return multi_level(student, teacher, LABELS, **options).item()

    assert value(1, 1) == pytest.approx(0.9 * (divergence + 1 / 64 + 9 / 128) + 0.1 * log(2), rel=1e-5)
    assert value(2, 1) == pytest.approx(0.9 * 2 * (divergence + 1 / 64 + 9 / 128) + 0.1 * log(2), rel=1e-5)
    assert value(1, 3) == pytest.approx(0.9 * (divergence + 3 / 64 + 81 / 128) + 0.1 * log(2), rel=1e-5)
    assert value(0, 3) == pytest.approx(0.1 * log(2))


def test_multi_level_between_other_samples_and_classes() -> None:
    # Two samples, three classes; T 1, N = B = 2, so |.|^2 / 2 and |.|^2 / 3. P_s: (1/2, 1/2, 0) twice (the 0 is e^-20).
    # P_t: (1/2, 1/2, 0) and (0, 1/2, 1/2). P_tP_t' = (1/2, 1/4; 1/4, 1/2), P_sP_s' = 1/2 throughout: 2/16, over 2.
    # P_t'P_t = (1, 1, 0; 1, 2, 1; 0, 1, 1)/4, P_s'P_s = (2, 2, 0; 2, 2, 0; 0, 0, 0)/4: difference
    # (-1, -1, 0; -1, 0, 1; 0, 1, 1)/4: 6/16, over 3.
    # The divergence: 0 for the first, 1/2 log(1/2 / 1/2) + 1/2 log(1/2 / (e^-20 / 2)) = 10 for the second; mean 5.
    student = Outputs(torch.tensor([[0.0, 0.0, -20.0]] * 2))
    teacher = Outputs(torch.tensor([[0.0, 0.0, -20.0], [-20.0, 0.0, 0.0]]))
    options = {"temperatures": (1.0,), "reference_batch": 2, "weight": 1.0, "ce_weight": 0.0}
    value = multi_level(student, teacher, torch.tensor([0, 0]), **options).item()
    assert value == pytest.approx(5 + 1 / 16 + 1 / 8, rel=1e-5)


def test_multi_level_sums_over_temperatures_2_to_6() -> None:
    parts = [
        multi_level(STUDENT, TEACHER, LABELS, temperatures=(float(t),), weight=0.9, ce_weight=0.0).item()
        for t in (2, 3, 4, 5, 6)
    ]
    assert multi_level(STUDENT, TEACHER, LABELS).item() == pytest.approx(sum(parts) + 0.1 * log(2), rel=1e-5)


@pytest.mark.parametrize(
    ("loss", "shape", "message"),
    [
        (dist, (1, 5), "at least 2 of each: the batch has 1 and 5; choose another batch size"),
        (dist, (4, 1), "at least 2 of each: the batch has 4 and 1"),
        (logit_standardization, (4, 2), "at least 3 classes, got 2"),
        (dkd, (4, 1), "dkd needs at least 2 classes, got 1"),
        (nkd, (4, 1), "nkd needs at least 2 classes, got 1"),
        (dkd, (4, 2), "beta = 8 of dkd weighs .* of 2 classes that is nothing: give beta = 0"),
        (nkd, (4, 2), "gamma = 1.5 of nkd weighs .* of 2 classes that is nothing: give gamma = 0"),
        (dist, (4, 2), "beta = 1 of dist weighs .* without a gradient: give beta = 0"),
    ],
)
def test_what_they_cannot_serve(loss: Callable[..., torch.Tensor], shape: tuple[int, int], message: str) -> None:
    outputs = Outputs(torch.zeros(shape))
    with pytest.raises(NotApplicable, match=message):
        loss(outputs, outputs, torch.zeros(shape[0], dtype=torch.int64))


def test_of_two_classes_what_is_left_is_taught() -> None:
    # b_s = p_s = (1/2, 1/2), b_t = p_t = (1/4, 3/4): KL = 3/4 log 3 - log 2; the label's own cross-entropy is 1/4 log 2.
    student, teacher = logits((1 / 2, 1 / 2)), logits((1 / 4, 3 / 4))
    own, alone = torch.tensor([0]), {"temperature": 1.0, "ce_weight": 0.0}
    assert dkd(student, teacher, own, beta=0.0, **alone).item() == pytest.approx(0.75 * log(3) - log(2), rel=1e-5)
    assert nkd(student, teacher, own, gamma=0.0, **alone).item() == pytest.approx(0.25 * log(2), rel=1e-5)
    # Columns over two samples: the student's (1/2, 3/4), (1/2, 1/4) rise and fall as the teacher's fall and rise: rho -1.
    student, teacher = logits((1 / 2, 1 / 2), (3 / 4, 1 / 4)), logits((3 / 4, 1 / 4), (1 / 4, 3 / 4))
    value = dist(student, teacher, torch.tensor([0, 1]), beta=0.0, weight=1.0, **alone).item()
    assert value == pytest.approx(2.0, rel=1e-5)
