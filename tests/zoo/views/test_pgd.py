"""pgd and fgsm: the ball and the range, a linear network by hand, and the attacks of another library on one network."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from art.attacks.evasion import FastGradientMethod, ProjectedGradientDescentPyTorch
from art.estimators.classification import PyTorchClassifier
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from kdbench.spec.task import Input
from kdbench.train.samples.batches import normalize
from kdbench.zoo import Draw, NotApplicable, Outputs
from kdbench.zoo.models.cnn import cnn
from kdbench.zoo.views.fgsm import fgsm
from kdbench.zoo.views.pgd import against, ascend, pgd
from tests.zoo.losses.training import DIGITS

COUNT = 60
PIXELS = DIGITS.task.inputs[0]
IMAGES, LABELS = normalize(DIGITS.test.images[:COUNT], DIGITS), DIGITS.test.labels[:COUNT]
DRAW = Draw(0, 0, torch.arange(COUNT))


@pytest.fixture(scope="module")
def network() -> nn.Module:
    """A small cnn after 60 steps on digits."""
    torch.manual_seed(0)
    model = cnn(10, DIGITS.shape, width=4)
    images, labels = normalize(DIGITS.train.images[:], DIGITS), DIGITS.train.labels
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for step in range(60):
        batch = slice(64 * (step % 20), 64 * (step % 20 + 1))
        optimizer.zero_grad()
        functional.cross_entropy(model(images[batch]), labels[batch]).backward()
        optimizer.step()
    optimizer.zero_grad()
    return model.eval()


def shares(images: Tensor) -> Tensor:
    """Normalized images as shares of the range of raw values, which is 0 to 16."""
    mean, std = (torch.tensor(values)[:, None, None] for values in (PIXELS.mean, PIXELS.std))
    return (images * std + mean) / 16


def losses(network: nn.Module, images: Tensor) -> Tensor:
    with torch.no_grad():
        return functional.cross_entropy(network(images), LABELS, reduction="none")


def test_the_range_is_that_of_the_raw_values() -> None:
    assert (PIXELS.lowest, PIXELS.highest) == (0, 16)


@settings(max_examples=15, deadline=None)
@given(epsilon=st.floats(0.01, 1), steps=st.integers(1, 6), step=st.none() | st.floats(0.01, 1))
def test_it_stays_in_the_ball_and_in_the_range(network, epsilon, steps, step) -> None:
    for seen in (
        pgd(IMAGES, DRAW, network, LABELS, None, PIXELS, epsilon=epsilon, steps=steps, step=step),
        fgsm(IMAGES, DRAW, network, LABELS, PIXELS, epsilon=epsilon),
    ):
        found = shares(seen)
        assert found.min() >= -1e-6
        assert found.max() <= 1 + 1e-6
        assert (found - shares(IMAGES)).abs().max() <= epsilon + 1e-6


def test_it_raises_the_loss_the_more_the_further_it_may_go(network) -> None:
    clean = losses(network, IMAGES).mean()
    found = [
        losses(network, pgd(IMAGES, DRAW, network, LABELS, None, PIXELS, epsilon=epsilon, steps=20)).mean()
        for epsilon in (0.05, 0.1, 0.2)
    ]
    assert clean < found[0] < found[1] < found[2]
    single = losses(network, fgsm(IMAGES, DRAW, network, LABELS, PIXELS, epsilon=0.1)).mean()
    assert clean < single <= found[1] + 1e-4


def test_by_hand_on_a_linear_network() -> None:
    # z = (3 x1 - x2, 0): for the label 0 the loss falls with z, so x1 falls and x2 rises; for the label 1 the other way.
    # Of raw values 0 to 10 with mean 5 and deviation 2, epsilon .1 is 1 raw, so .5 normalized.
    pixels = Input(shape=(1, 1, 2), dtype="uint8", mean=(5.0,), std=(2.0,), lowest=0.0, highest=10.0)
    images = (torch.tensor([[4.0, 9.5], [4.0, 9.5]]).view(2, 1, 1, 2) - 5) / 2

    def model(seen: Tensor) -> Tensor:
        z = 3 * seen[:, 0, 0, :1] - seen[:, 0, 0, 1:]
        return torch.cat((z, torch.zeros_like(z)), dim=1)

    expected = (torch.tensor([[3.0, 10.0], [5.0, 8.5]]).view(2, 1, 1, 2) - 5) / 2  # 10.5 is cut to 10
    labels, draw = torch.tensor([0, 1]), Draw(0, 0, torch.arange(2))
    torch.testing.assert_close(fgsm(images, draw, model, labels, pixels, epsilon=0.1), expected)
    torch.testing.assert_close(pgd(images, draw, model, labels, None, pixels, epsilon=0.1, steps=20), expected)


def classifier(network: nn.Module) -> PyTorchClassifier:
    """The network on shares of the range, as the other library attacks it."""
    mean, std = (torch.tensor(values)[:, None, None] / 16 for values in (PIXELS.mean, PIXELS.std))

    class OfShares(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = deepcopy(network)  # it leaves gradients behind

        def forward(self, images: Tensor) -> Tensor:
            return self.network((images - mean) / std)

    loss = nn.CrossEntropyLoss()
    return PyTorchClassifier(OfShares(), loss, DIGITS.shape, 10, clip_values=(0, 1), device_type="cpu")


@pytest.mark.parametrize("epsilon", [0.05, 0.2])
def test_both_attacks_agree_with_those_of_the_adversarial_robustness_toolbox(network, epsilon) -> None:
    rival, clean = classifier(network), shares(IMAGES).numpy()
    given = {"eps": epsilon, "eps_step": epsilon / 4, "max_iter": 20, "batch_size": COUNT, "verbose": False}
    theirs = {
        "pgd": ProjectedGradientDescentPyTorch(rival, **given).generate(clean, LABELS.numpy()),
        "fgsm": FastGradientMethod(rival, eps=epsilon, batch_size=COUNT).generate(clean, LABELS.numpy()),
    }
    start, loss = torch.zeros_like(IMAGES), against("labels", LABELS, None)  # theirs starts at the sample
    own = {
        "pgd": ascend(IMAGES, start, network, loss, PIXELS, epsilon, epsilon / 4, 20),
        "fgsm": fgsm(IMAGES, DRAW, network, LABELS, PIXELS, epsilon=epsilon),
    }
    for name, seen in own.items():
        # A gradient that is nearly 0 has another sign where sums are rounded otherwise: a few pixels may differ.
        apart = np.abs(shares(seen).numpy() - theirs[name]) > 1e-5
        assert apart.mean() < 0.01, name
        other = losses(
            network, torch.from_numpy(theirs[name]).float() * 16 / PIXELS.std[0] - PIXELS.mean[0] / PIXELS.std[0]
        )
        assert losses(network, seen).mean() == pytest.approx(other.mean().item(), rel=0.01), name


def test_against_a_teacher_it_raises_the_divergence(network) -> None:
    with torch.no_grad():
        teacher = Outputs(network(IMAGES))
    seen = pgd(IMAGES, DRAW, network, LABELS, teacher, PIXELS, target="teacher")
    divergence = against("teacher", LABELS, teacher)
    with torch.no_grad():
        assert divergence(network(IMAGES)).item() == pytest.approx(0, abs=1e-4)
        assert divergence(network(seen)) > 10
    other = pgd(IMAGES, DRAW, network, LABELS.flip(0), teacher, PIXELS, target="teacher")
    assert torch.equal(seen, other)  # labels take no part


def test_a_sample_without_a_label_is_led_nowhere(network) -> None:
    seen = fgsm(IMAGES, DRAW, network, torch.where(torch.arange(COUNT) < 10, -1, LABELS), PIXELS)
    assert torch.equal(seen[:10], IMAGES[:10])
    assert not torch.equal(seen[10:], IMAGES[10:])


def test_it_leaves_gradients_and_statistics_of_the_network_alone(network) -> None:
    before = {name: value.clone() for name, value in network.state_dict().items()}
    pgd(IMAGES, DRAW, network, LABELS, None, PIXELS)
    assert all(parameter.grad is None for parameter in network.parameters())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize(
    ("images", "options", "model", "text"),
    [
        (DIGITS.test.images[:COUNT], {}, None, "normalized float images"),
        (IMAGES, {"target": "teacher"}, None, "needs a teacher, and there is none"),
        (IMAGES, {}, lambda seen: functional.one_hot(seen.flatten(1).argmax(1), 64).float(), "this network has none"),
    ],
)
def test_what_cannot_be_attacked_is_refused(network, images, options, model, text) -> None:
    with pytest.raises(NotApplicable, match=text):
        pgd(images, DRAW, model or network, LABELS, None, PIXELS, **options)


def test_images_that_reach_the_logits_without_a_gradient_are_refused_whatever_the_weights() -> None:
    class Rounded(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(64, 10)  # with a gradient of its own

        def forward(self, images: Tensor) -> Tensor:
            return self.linear((images.detach() > 0).float().flatten(1))

    with pytest.raises(NotApplicable, match="this network has none"):
        pgd(IMAGES, DRAW, Rounded(), LABELS, None, PIXELS)
