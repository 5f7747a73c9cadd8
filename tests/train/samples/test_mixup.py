"""Mixup: convex combinations by hand, shares of the declared distribution, and what losses make of the labels."""

from collections.abc import Callable, Mapping
from math import exp
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch import Tensor
from torch.nn import functional

from kdbench.spec import TrainSpec
from kdbench.spec.generators import drain
from kdbench.train.build import build_model
from kdbench.train.ended import Trained
from kdbench.train.loop import train_cohort
from kdbench.train.rehearsing.rehearsal import rehearse
from kdbench.train.samples.batches import batches, normalize, view_samples
from kdbench.train.samples.mixup import mix, partners
from kdbench.zoo.catalog import BUILTIN, Catalog
from kdbench.zoo.contract.examination import BATCH, CLASSES, END, EPOCHS, START, Subject, draw_case
from kdbench.zoo.interface import Draw, NotApplicable
from kdbench.zoo.layers.taps import trace
from kdbench.zoo.losses.noisy_teacher import perturb
from kdbench.zoo.models.cnn import cnn
from kdbench.zoo.models.resnet_cifar import resnet_cifar
from tests.small import random_splits, small_trial, taught_by

SPLITS = random_splits()
TEACHER = {"use": "resnet_cifar", "options": {"depth": 8}}  # with batch norm, which overhaul asks for
DECLINED = {"crd": "crd needs one training sample an image, and mixup makes images of two: drop mixup"}
MANY = Draw(0, 1, torch.arange(20_000))


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def mixed(draw: Draw, alpha: float = 0.4) -> tuple[Tensor, Tensor]:
    """White images of class 1 mixed with black ones of class 0: what is left of the white is the share."""
    count = len(draw.samples)
    white, black = torch.ones(count, 1, 2, 2), torch.zeros(count, 1, 2, 2)
    ones = torch.ones(count, dtype=torch.int64)
    return mix(white, ones, black, 0 * ones, draw, alpha, classes=3)


def test_a_mix_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    import kdbench.train.samples.mixup

    monkeypatch.setattr(kdbench.train.samples.mixup, "_beta_quantiles", lambda *_: torch.full((2**16,), 0.75))
    images, others = torch.tensor([4.0, 8.0]).view(2, 1, 1, 1), torch.tensor([0.0, 16.0]).view(2, 1, 1, 1)
    labels, other_labels = torch.tensor([0, 2]), torch.tensor([1, 2])
    seen, shares = mix(images, labels, others, other_labels, Draw(0, 1, torch.arange(2)), 0.4, classes=3)
    assert seen.flatten().tolist() == [3.0, 10.0]
    assert shares.tolist() == [[0.75, 0.25, 0.0], [0.0, 0.0, 1.0]]


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_shares_are_beta_distributed(alpha: float) -> None:
    share = mixed(MANY, alpha)[0][:, 0, 0, 0].double().numpy()
    below, above = share[share < 0.5], 1 - share[share >= 0.5]  # close to 1, float32 has no room for quantiles
    assert stats.binomtest(len(below), len(share)).pvalue > 1e-3
    assert abs(below.mean() - above.mean()) < 4 * below.std() / 100
    assert stats.kstest(below, lambda x: 2 * stats.beta(alpha, alpha).cdf(x)).pvalue > 1e-3
    other = 1.25 * alpha  # the test can tell
    assert stats.kstest(below, lambda x: 2 * stats.beta(other, other).cdf(x)).pvalue < 1e-3


def test_images_and_labels_have_the_same_share() -> None:
    images, labels = mixed(MANY)
    torch.testing.assert_close(labels[:, 1], images[:, 0, 0, 0])
    torch.testing.assert_close(labels[:, 0], 1 - images[:, 0, 0, 0])
    assert not labels[:, 2].any()


@given(st.integers(0, 10**6), st.integers(1, 500), st.floats(0.05, 20))
@settings(max_examples=20, deadline=None)
def test_labels_are_shares_of_one(seed: int, epoch: int, alpha: float) -> None:
    draw = Draw(seed, epoch, torch.arange(50))
    generator = torch.Generator().manual_seed(seed)
    labels, others = torch.randint(7, (2, 50), generator=generator)
    images = torch.rand(2, 50, 1, 2, 2, generator=generator)
    seen, shares = mix(images[0], labels, images[1], others, draw, alpha, classes=7)
    torch.testing.assert_close(shares.sum(dim=1), torch.ones(50))
    assert shares.min() >= 0
    low, high = images.amin(dim=0), images.amax(dim=0)
    assert ((seen >= low - 1e-6) & (seen <= high + 1e-6)).all()


def test_partners_are_spread_over_the_training_split() -> None:
    drawn = partners(MANY, 50)
    counts = torch.bincount(drawn.samples, minlength=50).numpy()
    assert stats.chisquare(counts).pvalue > 1e-3
    share = mixed(MANY)[0][:, 0, 0, 0].numpy()
    assert abs(np.corrcoef(share, drawn.samples.numpy())[0, 1]) < 0.03
    assert (drawn.seed, drawn.step, drawn.purpose) == (MANY.seed, MANY.step, MANY.purpose)


def test_a_sample_is_mixed_with_its_partner_as_the_same_epoch_shows_it() -> None:
    def bright(images: Tensor, draw: Draw) -> Tensor:
        return images.float() + draw.uniform("bright")[:, :, None, None]

    draw = Draw(3, 2, torch.tensor([5, 60, 7]))
    images, shares = view_samples(SPLITS, TrainSpec(mixup=1.0), [bright], draw)
    partner = partners(draw, len(SPLITS.train))
    plain, others = (
        normalize(bright(SPLITS.train.images[which.samples].float(), which), SPLITS) for which in (draw, partner)
    )
    own, other = (functional.one_hot(SPLITS.train.labels[which.samples], 4).float() for which in (draw, partner))
    share = ((images - others) / (plain - others)).flatten(1).median(dim=1).values[:, None]
    torch.testing.assert_close(images, others + share[:, :, None, None] * (plain - others), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(shares, other + share * (own - other), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("views", ["fresh", "bank", "shared"])
def test_batching_changes_no_bit(views: str) -> None:
    def by_sample(size: int) -> dict[int, tuple[Tensor, Tensor]]:
        spec = TrainSpec.model_validate({"batch_size": size, "mixup": 0.4, "views": views, "augment": ["crop"]})
        crop = Catalog().load("views", "crop")
        seen = {}
        for batch in batches(SPLITS, spec, [crop], seed=1, epoch=2):
            rows = zip(batch.draw.samples.tolist(), batch.images, batch.labels, strict=True)
            seen |= {sample: (image, label) for sample, image, label in rows}
        return seen

    small, large = by_sample(7), by_sample(35)
    assert small.keys() == large.keys() == set(range(70))
    for sample, (image, label) in small.items():
        assert torch.equal(image, large[sample][0])
        assert torch.equal(label, large[sample][1])


# What losses make of labels that are shares


def log_p(logits: Tensor) -> Tensor:
    return functional.log_softmax(logits, dim=1)


def cross(q: Tensor, logits: Tensor) -> Tensor:
    """-sum_k q_k log p_k, mean over the batch: the labels' term of every loss, in float64."""
    return -(q * log_p(logits)).sum(dim=1).mean()


def divergence(z_s: Tensor, z_t: Tensor) -> Tensor:
    return (log_p(z_t / 4).exp() * (log_p(z_t / 4) - log_p(z_s / 4))).sum(dim=1).mean()


def agreed(s: Tensor, t: Tensor) -> Tensor:
    own = -(log_p(2 * t).exp() * log_p(2 * s)).sum(dim=1)
    return own[s.argmax(dim=1) == t.argmax(dim=1)].sum() / len(s)


def by_class(term: Callable[[Tensor, Tensor, int], Tensor], s: Tensor, t: Tensor, q: Tensor) -> Tensor:
    """The mean over the batch of terms [B] for each class that a label may be, by their shares."""
    return sum((q[:, k] * term(s, t, k) for k in range(CLASSES)), s.new_zeros(len(s))).mean()


def without(z: Tensor, k: int) -> Tensor:
    return torch.cat((z[:, :k], z[:, k + 1 :]), dim=1)


def kl_by_sample(s: Tensor, t: Tensor) -> Tensor:
    return (log_p(t).exp() * (log_p(t) - log_p(s))).sum(dim=1)


def decoupled(s: Tensor, t: Tensor, k: int) -> Tensor:
    own, taught = (log_p(z / 4).exp()[:, k] for z in (s, t))
    binary = taught * (taught / own).log() + (1 - taught) * ((1 - taught) / (1 - own)).log()
    return 16 * (binary + 8 * kl_by_sample(without(s / 4, k), without(t / 4, k)))


def normalized(s: Tensor, t: Tensor, k: int) -> Tensor:
    others = -(log_p(without(t, k)).exp() * log_p(without(s, k))).sum(dim=1)
    return -log_p(t).exp()[:, k] * log_p(s)[:, k] + 1.5 * others


def p4(z: Tensor) -> Tensor:
    return log_p(z / 4).exp()


def uncorrelated(one: Tensor, other: Tensor) -> Tensor:
    rho = [torch.corrcoef(torch.stack(pair))[0, 1] for pair in zip(one, other, strict=True)]
    return 1 - torch.stack(rho).mean()


def z_score(z: Tensor) -> Tensor:
    return (z - z.mean(dim=1, keepdim=True)) / (z.std(dim=1, keepdim=True) + 1e-7)


def transformed(s: Tensor, t: Tensor, gamma: float) -> Tensor:
    return kl_by_sample(s, gamma * t)


def levels(s: Tensor, t: Tensor, temperature: float) -> Tensor:
    """Gram terms as if the batch were of 64."""
    p_s, p_t = log_p(s).exp(), log_p(t).exp()
    samples = (p_t @ p_t.T - p_s @ p_s.T).square().mean() * 64
    classes = (p_t.T @ p_t - p_s.T @ p_s).square().sum() * (64 / len(s)) ** 2 / CLASSES
    return temperature**2 * kl_by_sample(s, t).mean() + samples + classes


def first_temperature(s: Tensor, t: Tensor) -> Tensor:
    temperature = 1 + 20 / (1 + exp(-1))
    return temperature**2 * kl_by_sample(s / temperature, t / temperature).mean()


def by_sample_temperature(s: Tensor, t: Tensor) -> Tensor:
    apart = 1 - functional.cosine_similarity(s, t, dim=1)
    temperature = (4 + 10 * (apart.mean() - apart)).clamp(min=1)
    return (temperature**2 * kl_by_sample(s / temperature[:, None], t / temperature[:, None])).mean()


def noisy(t: Tensor) -> Tensor:
    return perturb(t, Draw(0, EPOCHS, torch.arange(BATCH)), 0.1, 0.5)


Formula = Callable[[Tensor, Tensor, Tensor], Tensor]
FORMULAS: Mapping[str, Formula] = {
    "cross_entropy": lambda s, t, q: cross(q, s),
    "label_smoothing": lambda s, t, q: cross(0.9 * q + 0.1 * (1 - q) / (CLASSES - 1), s),
    "kd": lambda s, t, q: 0.9 * 16 * divergence(s, t) + 0.1 * cross(q, s),
    "soft_cross_entropy": lambda s, t, q: cross(log_p(t).exp(), s) + cross(q, s),
    "logit_mse": lambda s, t, q: 0.1 * (s - t).square().mean() + cross(q, s),
    "probability_mse": lambda s, t, q: (log_p(t).exp() - log_p(s).exp()).square().sum(dim=1).mean() + cross(q, s),
    "pseudo_label": lambda s, t, q: (
        0.5 * cross(functional.one_hot(t.argmax(dim=1), CLASSES).double(), s) + 0.5 * cross(q, s)
    ),
    "agreement_masked": lambda s, t, q: 0.5 * agreed(s, t) + 0.5 * cross(q, s),
    "dkd": lambda s, t, q: by_class(decoupled, s, t, q) + cross(q, s),
    "dist": lambda s, t, q: 2 * 16 * (uncorrelated(p4(s), p4(t)) + uncorrelated(p4(s).T, p4(t).T)) + cross(q, s),
    "logit_standardization": lambda s, t, q: 9 * 4 * divergence(2 * z_score(s), 2 * z_score(t)) + 0.1 * cross(q, s),
    "nkd": lambda s, t, q: by_class(normalized, s, t, q) + cross(q, s),
    "ttm": lambda s, t, q: 45 * transformed(s, t, 0.1).mean() + cross(q, s),
    "wttm": lambda s, t, q: 4 * (log_p(t).exp().pow(0.2).sum(dim=1) * transformed(s, t, 0.2)).mean() + cross(q, s),
    "ctkd": lambda s, t, q: 0.9 * first_temperature(s, t) + 0.1 * cross(q, s),
    "annealing_kd": lambda s, t, q: cross(q, s),  # the teacher's phase is over
    "teacher_annealing": lambda s, t, q: (16 * 0.5 * divergence(s, t) + 239.5 * cross(q, s)) / 240,
    "dynamic_temperature": lambda s, t, q: 0.9 * by_sample_temperature(s, t) + 0.1 * cross(q, s),
    "noisy_teacher": lambda s, t, q: 0.9 * 16 * divergence(s, noisy(t)) + 0.1 * cross(q, s),
    "multi_level": lambda s, t, q: (
        0.9 * sum((levels(s / i, t / i, i) for i in range(2, 7)), s.new_zeros(())) + 0.1 * cross(q, s)
    ),
}


# Losses of features that ask no labels: always, or in their first phase. The others have cross-entropy with weight 1.
UNLABELLED = {("simkd", END), ("activation_boundary", START), ("factor_transfer", START)}


@pytest.mark.parametrize("use", BUILTIN["losses"])
def test_every_loss_gives_the_value_of_its_formula(use: str) -> None:
    student, teacher, labels = draw_case()
    generator = torch.Generator().manual_seed(1)
    share = torch.rand(len(labels), 1, generator=generator)
    own, other = (functional.one_hot(which % CLASSES, CLASSES).float() for which in (labels, labels + 2))
    shares = share * own + (1 - share) * other
    thing: Any = Catalog().load("losses", use)
    shape = (1, 8, 8)
    networks = cnn(CLASSES, shape, width=2), resnet_cifar(CLASSES, shape, depth=8)
    subject = Subject(thing, {}, *(trace(network, shape) for network in networks))
    if use in DECLINED:
        with pytest.raises(NotApplicable, match=DECLINED[use]):
            subject.build().of(student, teacher, shares)
    elif use in FORMULAS:
        expected = FORMULAS[use](student.double(), teacher.double(), shares.double()).item()
        assert subject.build().of(student, teacher, shares) == pytest.approx(expected, rel=1e-5)
    else:  # losses of features, whose term knows no labels: the rest is cross-entropy
        for loss in subject.at_any_time():
            weight = 0.0 if (use, loss.epoch) in UNLABELLED else 1.0
            hint = loss.of(student, teacher, labels) - weight * functional.cross_entropy(student, labels).item()
            expected = hint + weight * cross(shares.double(), student.double()).item()
            assert loss.of(student, teacher, shares) == pytest.approx(expected, rel=1e-5)


def decline(student: Any, labels: Tensor) -> Tensor:
    if labels.ndim > 1:
        raise NotApplicable("it takes one label a sample: drop mixup")
    return functional.cross_entropy(student.logits, labels)


def test_a_loss_that_declines_is_found_out_before_training() -> None:
    loss = {"use": f"{__name__}:decline", "options": {}}
    catalog = Catalog((__name__,))
    rehearse(small_trial(loss=loss), [], SPLITS, catalog)
    with pytest.raises(NotApplicable, match="drop mixup"):
        rehearse(small_trial(loss=loss, train={"epochs": 1, "batch_size": 16, "mixup": 0.4}), [], SPLITS, catalog)


def test_every_loss_trains_under_mixup_or_declines() -> None:
    teacher = small_trial(model=TEACHER, seed=5)
    train = {"epochs": 1, "batch_size": 16, "mixup": 0.4}
    trials = {
        use: small_trial(loss={"use": use, "options": {}}, teachers=[teacher], train=train) for use in BUILTIN["losses"]
    }
    for use, reason in DECLINED.items():
        with pytest.raises(NotApplicable, match=reason):
            rehearse(trials.pop(use), [teacher], SPLITS, Catalog())
    guide = build_model(teacher.model, Catalog(), SPLITS.classes, SPLITS.shape, teacher.seed)
    outcomes = drain(train_cohort(list(trials.values()), SPLITS, Catalog(), taught_by(guide, teacher)))
    assert len(outcomes) == len(BUILTIN["losses"]) - len(DECLINED)
    assert not [o for o in outcomes if not isinstance(o, Trained)]
    # the loss of soft labels cannot fall below their entropy, unlike that of hard ones
    assert all(o.curve[1].train_loss > 0.1 for o in outcomes if o.trial.lessons[0].loss.use != "simkd")
