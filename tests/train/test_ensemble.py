"""Several networks as one: their means, by hand, and the network that holds them."""

import math

import pytest
import torch
from torch import nn

from kdbench.train.ensemble import Ensemble, confidence, mean_of_probabilities

FAR = math.log(3)  # logits of 0 and ln 3 are probabilities of 1/4 and 3/4


class Fixed(nn.Module):
    """Puts out the same logits for every image."""

    def __init__(self, *logits: float) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(logits))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.logits.expand(len(images), -1)


def test_the_mean_of_logits() -> None:
    found = Ensemble([Fixed(2.0, 0.0), Fixed(4.0, -6.0)], "logits")(torch.zeros(3, 1))
    assert found.tolist() == [[3.0, -3.0]] * 3


def test_the_mean_of_probabilities() -> None:
    found = Ensemble([Fixed(0.0, FAR), Fixed(0.0, 0.0)], "probabilities")(torch.zeros(1, 1))
    assert found.softmax(dim=1).tolist() == [[pytest.approx(3 / 8), pytest.approx(5 / 8)]]


def test_an_ensemble_has_the_weights_of_its_members() -> None:
    members = [Fixed(0.0, 1.0), Fixed(2.0, 3.0)]
    state = Ensemble(members, "logits").state_dict()
    assert {name: value.tolist() for name, value in state.items()} == {
        "members.0.logits": [0.0, 1.0],
        "members.1.logits": [2.0, 3.0],
    }


def test_shares_of_each_sample() -> None:
    # The first sample takes the first network alone, the second 1/4 of it and 3/4 of the second.
    logits = torch.tensor([[[0.0, FAR], [0.0, FAR]], [[FAR, 0.0], [FAR, 0.0]]])
    shares = torch.tensor([[1.0, 0.25], [0.0, 0.75]])
    found = mean_of_probabilities(logits, 1.0, shares).softmax(dim=1)
    assert found[0].tolist() == [pytest.approx(1 / 4), pytest.approx(3 / 4)]
    assert found[1].tolist() == [pytest.approx(5 / 8), pytest.approx(3 / 8)]


def test_all_networks_count_alike_for_a_sample_without_a_label() -> None:
    """An attack asks the teachers for every sample of a batch, those whose labels are hidden too."""
    shares = confidence(torch.tensor([[[3.0, 0.0]], [[0.0, 3.0]], [[1.0, 1.0]]]), torch.tensor([-1]))
    assert shares.tolist() == [[pytest.approx(1 / 3)]] * 3


def test_confidence_by_hand() -> None:
    # Probabilities of the label are 3/4, 1/4 and 1/2: cross-entropies ln(4/3), ln 4 and ln 2. The softmax over the
    # networks is then as 4/3 : 4 : 2 = 2/11 : 6/11 : 3/11, and the shares are (1 - those) / 2.
    logits = torch.tensor([[[0.0, FAR]], [[FAR, 0.0]], [[0.0, 0.0]]])
    shares = confidence(logits, torch.tensor([1]))
    assert shares[:, 0].tolist() == [pytest.approx(9 / 22), pytest.approx(5 / 22), pytest.approx(8 / 22)]
    mixed = confidence(logits, torch.tensor([[0.0, 1.0]]))
    torch.testing.assert_close(mixed, shares)


def test_networks_that_err_alike_count_alike() -> None:
    shares = confidence(torch.randn(1, 5, 4).expand(3, 5, 4), torch.arange(4).repeat(2)[:5])
    torch.testing.assert_close(shares, torch.full((3, 5), 1 / 3))
