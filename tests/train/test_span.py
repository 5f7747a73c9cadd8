"""Training in pieces: trials that train a span of a recipe's epochs, each from the weights of the one before."""

import pytest
import torch
from torch import Tensor

from kdbench.spec import Trial
from kdbench.spec.generators import drain
from kdbench.train.ended import Trained
from kdbench.train.faculty import Parents
from kdbench.train.loop import train_cohort
from kdbench.zoo.catalog import Catalog
from tests.small import random_splits, small_trial

SPLITS = random_splits()
PLAIN = {"use": "sgd", "lr": 0.1, "momentum": 0.0}


def train(trial: Trial, starts: dict[str, dict[str, Tensor]] | None = None) -> Trained:
    torch.set_num_threads(1)
    given = Parents(starts=starts or {}, samples=dict.fromkeys(starts or {}, 70.0))
    (outcome,) = drain(train_cohort([trial], SPLITS, Catalog(), given))
    assert isinstance(outcome, Trained)
    return outcome


def in_pieces(optimizer: dict[str, object]) -> tuple[Trained, Trained]:
    """Four epochs at once, and as three and one with a merge of a single trial in between."""
    recipe = {"epochs": 4, "batch_size": 16, "optimizer": optimizer, "augment": [{"use": "crop", "padding": 1}]}
    first = small_trial(train=recipe, span=[0, 3])
    middle = small_trial(train={**recipe, "epochs": 0}, start=[first.key], merge="samples")
    last = small_trial(train=recipe, span=[3, 4], start=[middle.key])
    merged = train(middle, {first.key: train(first).model.state_dict()})
    return train(small_trial(train=recipe)), train(last, {middle.key: merged.model.state_dict()})


def test_without_momentum_pieces_are_the_whole_to_the_bit() -> None:
    whole, pieces = in_pieces(PLAIN)
    assert [point.epoch for point in pieces.curve] == [3, 4]
    assert pieces.curve[-1].validation_loss == whole.curve[-1].validation_loss
    state = whole.model.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in pieces.model.state_dict().items())


def test_the_momentum_of_an_optimizer_does_not_go_on() -> None:
    whole, pieces = in_pieces({**PLAIN, "momentum": 0.9})
    assert whole.curve[-1].validation_loss != pieces.curve[-1].validation_loss


def test_trials_are_merged_by_their_samples() -> None:
    starts = {name: dict(train(small_trial(seed=seed)).model.state_dict()) for seed, name in enumerate("ab")}
    trial = small_trial(train={"epochs": 0}, start=["a", "b"], merge="samples")
    given = Parents(starts=starts, samples={"a": 30.0, "b": 10.0})
    (outcome,) = drain(train_cohort([trial], SPLITS, Catalog(), given))
    assert isinstance(outcome, Trained)
    for name, value in outcome.model.state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(value, 0.75 * starts["a"][name] + 0.25 * starts["b"][name])


@pytest.mark.parametrize("span", [[2, 2], [0, 3], [2, 1]])
def test_a_span_beyond_the_recipe_is_refused(span: list[int]) -> None:
    with pytest.raises(ValueError, match="the recipe has 2 epochs"):
        small_trial(span=span)
