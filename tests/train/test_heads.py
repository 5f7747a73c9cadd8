"""Heads in training: which columns a lesson moves, which samples it learns from, and who teaches it."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.nn import functional

from kdbench.deploy.export.export import hash_weights
from kdbench.spec import Trial, UserError
from kdbench.spec.generators import drain
from kdbench.train.build import build_model
from kdbench.train.ended import Ended, NotTrained, Trained
from kdbench.train.evaluate import evaluate
from kdbench.train.faculty import Parents
from kdbench.train.heads import sight_of
from kdbench.train.loop import train_cohort
from kdbench.zoo.catalog import Catalog
from kdbench.zoo.datasets.splits import Splits
from kdbench.zoo.interface import Split
from kdbench.zoo.layers.anchor import Anchor
from tests.small import random_splits, small_trial

SPLITS = random_splits()  # of four classes
CLASS: dict[str, Any] = {"name": "class"}
PARITY = {"name": "parity", "groups": [[0, 2], [1, 3]]}
TASKS = [{"name": "first", "groups": [[2], [0]]}, {"name": "second", "groups": [[1], [3]]}]
HARD = {"loss": "cross_entropy"}
MLP = {"use": "mlp", "options": {"hidden": [6]}}
STILL = {
    "epochs": 1,
    "batch_size": 16,
    "optimizer": {"use": "sgd", "lr": 0.1, "weight_decay": 0.0},
}  # what gets no gradient stays


def network(trial: Trial) -> torch.nn.Module:
    return build_model(trial.model, Catalog(), trial.outputs(4), SPLITS.shape, trial.seed)


def train(trial: Trial, *guides: Trial, splits: Splits = SPLITS) -> Ended:
    torch.set_num_threads(1)
    networks = {guide.key: network(guide) for guide in guides}
    trials = {guide.key: guide for guide in guides}
    (outcome,) = drain(train_cohort([trial], splits, Catalog(), Parents(networks, trials=trials)))
    return outcome


def state(outcome: Ended) -> dict[str, torch.Tensor]:
    assert isinstance(outcome, Trained), outcome
    return outcome.model.state_dict()


def weights(outcome: Ended) -> str:
    assert isinstance(outcome, Trained), outcome
    return hash_weights(outcome.model)


GUIDE = small_trial(seed=5)


@pytest.mark.parametrize("loss", ["cross_entropy", "kd", "fitnet", "crd"])
def test_a_student_with_one_head_is_the_plain_one(loss: str) -> None:
    taught = {} if loss == "cross_entropy" else {"teachers": [GUIDE.key]}
    plain = small_trial(lessons=[{"loss": loss, **taught}])
    headed = small_trial(lessons=[{"loss": loss, "heads": ["class"], **taught}], heads=[CLASS])
    assert weights(train(headed, GUIDE)) == weights(train(plain, GUIDE))


def test_a_lesson_moves_the_columns_of_its_heads_alone() -> None:
    trial = small_trial(
        model=MLP, heads=[CLASS, PARITY], deploys="class", lessons=[{**HARD, "heads": ["parity"]}], train=STILL
    )
    before, after = network(trial).state_dict(), state(train(trial))
    (last,) = (name for name in before if before[name].shape == (6, 6))
    assert torch.equal(before[last][:4], after[last][:4])
    assert not torch.equal(before[last][4:], after[last][4:])


def test_only_samples_with_a_label_in_its_heads_count() -> None:
    """With labels of other classes hidden, the second task's lesson learns the same."""
    trial = small_trial(model=MLP, heads=TASKS, lessons=[{**HARD, "heads": ["second"]}], train={"epochs": 1})
    labels = SPLITS.train.labels
    hidden = labels.where((labels == 1) | (labels == 3), -1)
    blind = replace(SPLITS, train=Split(SPLITS.train.images, hidden))
    assert weights(train(trial)) == weights(train(trial, splits=blind))


def asking(guide: Trial, head: str, heads: list[dict[str, Any]]) -> Trial:
    lesson = {"loss": "kd", "labels": False, "teachers": [guide.key], "heads": [head]}
    return small_trial(heads=heads, deploys=heads[0]["name"], lessons=[lesson])


def test_teachers_give_the_head_that_is_asked_and_those_with_one_give_it() -> None:
    hard = [{**HARD, "heads": ["class"]}]
    many = small_trial(model=MLP, heads=[PARITY, CLASS], deploys="class", lessons=hard, seed=5)
    one = small_trial(model=MLP, heads=[PARITY], seed=6)
    for guide in (many, one):
        assert isinstance(train(asking(guide, "parity", [CLASS, PARITY]), guide), Trained)
    outcome = train(asking(one, "class", [CLASS, PARITY]), one)
    assert isinstance(outcome, NotTrained)
    assert outcome.reason == "its teacher gives 2 columns, and the lesson sees 4 of the student's"
    outcome = train(asking(many, "first", TASKS), many)
    assert isinstance(outcome, NotTrained)
    assert outcome.reason == "its teacher has no head 'first', only class, parity"
    outcome = train(asking(one, "first", TASKS), one)
    assert isinstance(outcome, NotTrained)
    assert outcome.reason == "its teacher's columns stand for other classes than those that the lesson sees"


def test_peers_teach_and_get_no_gradient() -> None:
    """Two heads of one network, of which the first teaches the second: only the second one's columns move."""
    lesson = {"loss": "logit_mse", "labels": False, "heads": ["other"], "peers": ["one"]}
    heads = [{"name": "one"}, {"name": "other"}]
    trial = small_trial(model=MLP, heads=heads, deploys="one", lessons=[lesson], train=STILL)
    before, after = network(trial).state_dict(), state(train(trial))
    (last,) = (name for name in before if before[name].shape == (8, 6))
    assert torch.equal(before[last][:4], after[last][:4])
    assert not torch.equal(before[last][4:], after[last][4:])


def test_heads_that_do_not_fit_the_data() -> None:
    with pytest.raises(UserError, match="no head has class 1, and the dataset has 4 classes"):
        train(small_trial(heads=TASKS[:1]))


def test_weights_that_matter_to_an_anchor_stay_where_it_had_them() -> None:
    """Importance of one weight alone: that one is held, and the others move as without an anchor but for what follows."""
    trial = small_trial(model=MLP, train=STILL, start=["before"], anchors=["before"], anchor_weight=2.0)
    start = network(small_trial(model=MLP, seed=3)).state_dict()
    (name,) = (name for name in start if start[name].shape == (6, 64))
    importance = {each: torch.zeros_like(value) for each, value in start.items()}
    moved = {}
    for held in (0.0, 4.0):  # 0.1 x 2 x 4 is a step that pulls strongly and does not overshoot
        importance[name][0, 20] = held
        given = Parents(starts={"before": start}, anchors={"before": Anchor(start, importance)})
        (outcome,) = drain(train_cohort([trial], SPLITS, Catalog(), given))
        moved[held] = (state(outcome)[name] - start[name])[0, 20].abs().item()
    assert 0 < moved[4.0] < moved[0.0] / 2


def test_validation_is_of_the_heads_that_answer() -> None:
    """By hand: columns of the first task alone, on the samples of its classes."""
    trial = small_trial(heads=TASKS, deploys="first")
    model, sight = network(trial).eval(), sight_of(trial, trial.deploys, SPLITS)
    loss, top1 = evaluate(model, SPLITS.test, SPLITS, sight)
    assert isinstance(SPLITS.test.images, torch.Tensor)
    images = (SPLITS.test.images.float() - SPLITS.mean[None, :, None, None]) / SPLITS.std[None, :, None, None]
    own = (SPLITS.test.labels == 2) | (SPLITS.test.labels == 0)
    logits, labels = model(images[own])[:, :2], (SPLITS.test.labels[own] == 0).long()
    assert top1 == pytest.approx((logits.argmax(1) == labels).double().mean().item())
    assert loss == pytest.approx(functional.cross_entropy(logits, labels).item(), rel=1e-5)


def test_a_loss_that_deploys_another_network_is_refused_for_heads() -> None:
    """Its logits would be those of the teacher's columns, wherever the trial has its own."""
    model = {"use": "cnn", "options": {"width": 4}}
    guide = small_trial(model=model, seed=5)
    lesson = {"loss": "simkd", "teachers": [guide.key], "heads": ["class"]}
    outcome = train(small_trial(model=model, heads=[CLASS], lessons=[lesson]), guide)
    assert isinstance(outcome, NotTrained)
    assert outcome.reason.startswith("'simkd' deploys another network, whose columns are not the trial's heads: take")


def test_a_network_that_is_held_to_anchors_is_not_trained_in_8_bits() -> None:
    trial = small_trial(model=MLP, start=["a"], anchors=["a"], anchor_weight=1.0, weight_bits=8)
    start = network(small_trial(model=MLP)).state_dict()
    given = Parents(starts={"a": start}, anchors={"a": Anchor(start, start)})
    (outcome,) = drain(train_cohort([trial], SPLITS, Catalog(), given))
    assert isinstance(outcome, NotTrained)
    assert "(anchors) is not trained in 8 bits yet: leave out int8_qat" in outcome.reason
