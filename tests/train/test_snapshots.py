"""A training that was interrupted goes on to the same bits, whatever its loss, optimizer and network remember."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from kdbench.deploy.export.export import hash_weights
from kdbench.results import TrainingCost
from kdbench.results.output_cache import CacheFolder, OutputCache
from kdbench.spec import Trial
from kdbench.spec.generators import drain
from kdbench.train.build import build_model
from kdbench.train.ended import Ended, EpochDone, Snapshot, Trained
from kdbench.train.faculty import OpenTeacherCache, no_cache
from kdbench.train.learner import Learner
from kdbench.train.loop import train_cohort
from kdbench.train.snapshots import put_back, remembered, sha256_of, tensors_of
from kdbench.zoo.builtin import BUILTIN
from kdbench.zoo.catalog import Catalog
from kdbench.zoo.interface import Moment, Outputs
from kdbench.zoo.layers.anchor import Anchor
from kdbench.zoo.layers.taps import Trace
from kdbench.zoo.loss_module import LossModule
from tests.small import small_trial, taught_by
from tests.train.test_loop import SPLITS, TEACHER

EPOCHS = 4
RECIPE = {"epochs": EPOCHS, "batch_size": 16}
LOSSES = [name for name in BUILTIN["losses"] if name != "overhaul"]  # which needs batch norms
# With a memory, weights, a phase, another deployed network, frozen layers, readings.
REMEMBERING = ["crd", "ctkd", "factor_transfer", "annealing_kd", "simkd", "vid"]


class Killed(Exception):
    """What ends a training here."""


@dataclass
class Kept:
    """Snapshots in memory, one after each epoch; it kills the training after the epoch `kill_after`."""

    kill_after: int = EPOCHS
    snapshots: dict[str, tuple[Snapshot, dict[str, Tensor]]] = field(default_factory=dict)
    epoch: int = 0
    restored: list[int] = field(default_factory=list)

    def restore(self, learner: Learner) -> TrainingCost | None:
        if (found := self.snapshots.get(learner.trial.key)) is None:
            return None
        assert put_back(learner, *found)
        self.restored.append(learner.epoch)
        return found[0].cost

    def due(self) -> bool:
        return True

    def write(self, learner: Learner, cost: TrainingCost) -> None:
        if learner.epoch > self.kill_after and not learner.stopped:
            raise Killed
        self.snapshots[learner.trial.key] = snapshot_of(learner, cost), tensors_of(learner)


def snapshot_of(learner: Learner, cost: TrainingCost) -> Snapshot:
    return Snapshot(
        origin="here",
        tensors_sha256=sha256_of(tensors_of(learner)),
        epoch=learner.epoch,
        steps=learner.steps,
        samples=learner.samples,
        curve=tuple(learner.curve),
        stopped=learner.stopped,
        diverged=learner.diverged,
        cost=cost,
    )


def train(
    trials: Sequence[Trial], kept: Kept | None = None, open_cache: OpenTeacherCache = no_cache, by: Trial = TEACHER
) -> tuple[list[Ended], list[EpochDone]]:
    heard: list[EpochDone] = []
    guide = build_model(by.model, Catalog(), SPLITS.classes, SPLITS.shape, by.seed)
    weights = {name: value.clone() for name, value in guide.state_dict().items()}
    important = {name: torch.ones_like(value) for name, value in guide.named_parameters()}
    taught = replace(taught_by(guide, by), starts={by.key: weights}, anchors={by.key: Anchor(weights, important)})
    return drain(train_cohort(trials, SPLITS, Catalog(), taught, open_cache, snapshots=kept), heard.append), heard


def interrupted(
    trials: Sequence[Trial], after: int, open_cache: OpenTeacherCache = no_cache, by: Trial = TEACHER
) -> tuple[list[Ended], list[EpochDone], Kept]:
    """Trained up to an epoch, killed in the next one, and then to the end."""
    kept = Kept(kill_after=after)
    with pytest.raises(Killed):
        train(trials, kept, open_cache, by)
    kept.kill_after = EPOCHS
    return *train(trials, kept, open_cache, by), kept


def taught(loss: Any, **changes: Any) -> Trial:
    content = {"model": {"use": "cnn", "options": {"width": 2}}, "train": RECIPE, **changes}
    return small_trial(loss=loss, teachers=[TEACHER], **content)


def assert_same(whole: Sequence[Ended], divided: Sequence[Ended]) -> None:
    for one, other in zip(whole, divided, strict=True):
        assert isinstance(one, Trained), one
        assert isinstance(other, Trained), other
        assert hash_weights(one.model) == hash_weights(other.model), one.trial.lessons[0].loss.use
        assert (one.curve, one.selected_epoch, one.stopped) == (other.curve, other.selected_epoch, other.stopped)
        assert (one.cost.steps, one.cost.samples) == (other.cost.steps, other.cost.samples)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.mark.parametrize("names", [REMEMBERING, pytest.param(LOSSES, marks=pytest.mark.slow)], ids=["some", "all"])
def test_losses_go_on_to_the_same_bits(names: Sequence[str]) -> None:
    """In one cohort, whose teacher runs on every batch."""
    trials = [taught(name) for name in names]
    whole, _ = train(trials)
    divided, _, kept = interrupted(trials, after=2)
    assert {*kept.restored} == {2}
    assert_same(whole, divided)


@pytest.mark.parametrize(
    "changes",
    [
        {"train": {**RECIPE, "optimizer": {"use": "sgd", "nesterov": True}, "augment": ["flip"], "mixup": 0.2}},
        {"train": {**RECIPE, "optimizer": {"use": "sgd", "momentum": 0.0}, "precision": "bfloat16"}},
        {"train": {**RECIPE, "optimizer": {"use": "adamw", "decay": "weights"}, "warmup_epochs": 1.5}},
        {"train": {**RECIPE, "select": "best", "schedule": {"use": "step", "milestones": [1, 3]}}},
        {"weight_bits": 8, "start": [TEACHER.key], "model": TEACHER.model},
    ],
    ids=["nesterov", "bfloat16", "adamw", "best", "8 bits"],
)
def test_every_recipe_goes_on_to_the_same_bits(changes: dict[str, Any]) -> None:
    trial = taught("kd", **changes)
    whole, _ = train([trial])
    divided, heard, _ = interrupted([trial], after=1)
    assert [done.epoch for done in heard] == [1, 2, 3, 4]
    assert_same(whole, divided)


def joint(use: str, *heads: str, **changes: Any) -> Trial:
    """Networks of which the first learns from the labels, and each other one from the first as well."""
    first, *others = heads
    lessons = [{"loss": "cross_entropy", "heads": [first]}]
    lessons += [{"loss": "kd", "heads": [other], "peers": [first]} for other in others]
    model = {"use": use, "options": {"of": {"use": "cnn", "options": {"width": 2}}, "count": 2}}
    named = [{"name": head} for head in heads]
    return small_trial(model=model, heads=named, deploys=heads[-1], lessons=lessons, train={**RECIPE, **changes})


@pytest.mark.parametrize(
    "trial",
    [
        taught("kd", view={"use": "pgd", "options": {"epsilon": 0.2, "steps": 2}}),
        taught("kd", model=TEACHER.model, start=[TEACHER.key], anchors=[TEACHER.key], anchor_weight=2.0),
        joint("peers", "peer 1", "peer 2"),
        joint("branches", "branch 1", "branch 2", "gate", select="best"),
    ],
    ids=["attack", "anchor", "peers", "branches"],
)
def test_every_way_of_teaching_goes_on_to_the_same_bits(trial: Trial) -> None:
    whole, _ = train([trial])
    divided, _, kept = interrupted([trial], after=2)
    assert kept.restored == [2]
    assert_same(whole, divided)


def test_overhaul_goes_on_to_the_same_bits() -> None:
    """Its connectors have batch norms of their own."""
    trained, guide = ({"use": "resnet_cifar", "options": {"depth": depth}} for depth in (8, 14))
    by = small_trial(model=guide, seed=5)
    trials = [small_trial(loss="overhaul", teachers=[by], model=trained, train=RECIPE)]
    whole, _ = train(trials, by=by)
    divided, _, _ = interrupted(trials, after=2, by=by)
    assert_same(whole, divided)


def test_students_of_a_cached_teacher_go_on_to_the_same_bits(tmp_path: Path) -> None:
    """What the interrupted training had computed of the teacher is there, and what it had not is computed."""
    trial = taught("kd", train={**RECIPE, "views": "shared", "augment": ["flip"]})

    def open_cache(_: str, kinds: Mapping[str, int]) -> OutputCache | None:
        assert trial.train.slots
        return CacheFolder(tmp_path, 10**9).open("teacher", {}, len(SPLITS.train), kinds, trial.train.slots)

    whole, _ = train([trial])
    divided, _, kept = interrupted([trial], after=2, open_cache=open_cache)
    assert kept.restored == [2]
    assert isinstance(divided[0], Trained)
    assert divided[0].cost.teacher == "cached"
    assert_same(whole, divided)


def test_a_trial_that_had_stopped_stays_as_it_was() -> None:
    """Patience ended the one after epoch 1, and the other went on."""
    patient = {**RECIPE, "patience": 1, "optimizer": {"use": "sgd", "lr": 1e-9}}
    trials = [taught("kd", train=patient), taught("dkd")]
    whole, _ = train(trials)
    assert isinstance(whole[0], Trained)
    assert len(whole[0].curve) == 2  # at so low a rate nothing gets better
    divided, _, kept = interrupted(trials, after=1)
    assert isinstance(divided[0], Trained)
    assert divided[0].cost == kept.snapshots[trials[0].key][0].cost
    assert_same(whole, divided)


def test_trials_of_other_epochs_go_on_beside_each_other() -> None:
    trials = [taught("kd"), taught("dkd")]
    whole, _ = train(trials)
    kept = Kept(kill_after=2)
    with pytest.raises(Killed):
        train(trials, kept)
    del kept.snapshots[trials[1].key]
    kept.kill_after = EPOCHS
    divided, heard = train(trials, kept)
    assert [(done.trial.key == trials[0].key, done.epoch) for done in heard[:4]] == [
        (True, 2), (False, 0), (False, 1), (False, 2),
    ]  # fmt: skip
    assert_same(whole, divided)


def test_the_cost_is_of_both_parts() -> None:
    trial = taught("kd")
    divided, _, kept = interrupted([trial], after=2)
    first, (last,) = kept.snapshots[trial.key][0].cost, divided
    assert isinstance(last, Trained)
    for name in ("wall_seconds", "cpu_seconds", "step_seconds", "evaluation_seconds", "teacher_seconds"):
        assert getattr(last.cost, name) > getattr(first, name) > 0


class Forgetful(LossModule):
    """A loss that counts its calls, where no state dict shows it."""

    def __init__(self, student: Trace, teacher: Trace) -> None:
        super().__init__(student, teacher)
        self.calls = 0
        self.memory: list[Tensor] = [torch.zeros(2)]

    def forward(self, student: Outputs, teacher: Outputs, labels: Tensor, moment: Moment) -> Tensor:
        raise NotImplementedError


def learner_of(loss: str) -> Learner:
    """One whose first loss is replaced afterwards, so that it need not be found by its name."""
    found: list[Learner] = []

    class Catching(Kept):
        def restore(self, learner: Learner) -> TrainingCost | None:
            found.append(learner)
            return None

    train([taught(loss, train={**RECIPE, "epochs": 1})], Catching())
    return found[0]


def test_what_no_snapshot_can_take_is_noticed() -> None:
    learner = learner_of("crd")
    criterion = learner.instructions[0].criterion
    loss = Forgetful(Trace.__new__(Trace), Trace.__new__(Trace))
    learner.instructions[0].criterion = replace(criterion, module=loss)
    before = remembered(learner)
    assert before.unchanged(learner)
    loss.memory[0].add_(1)
    assert not before.unchanged(learner)
    before = remembered(learner)
    loss.calls += 1
    assert not before.unchanged(learner)
    before = remembered(learner)
    loss.memory.append(torch.zeros(2))
    assert not before.unchanged(learner)


def test_a_loss_of_kdbench_keeps_nothing_else() -> None:
    """What the first call makes of the labels alone is made again."""
    changed = []

    class Watching(Kept):
        def restore(self, learner: Learner) -> TrainingCost | None:
            watched[learner] = remembered(learner)
            return None

        def write(self, learner: Learner, cost: TrainingCost) -> None:
            if cost.steps and not watched[learner].unchanged(learner):
                changed.append(learner.trial.lessons[0].loss.use)

    watched: dict[Learner, Any] = {}
    train([taught(name, train={**RECIPE, "epochs": 2}) for name in LOSSES], Watching())
    assert len(watched) == len(LOSSES)
    assert changed == []


def tampered(tensors: dict[str, Tensor], name: str, value: Tensor) -> dict[str, Tensor]:
    return {**tensors, name: value}


def test_what_is_damaged_or_another_s_is_left_alone() -> None:
    trial = taught("kd", train={**RECIPE, "select": "best"})
    kept = Kept(kill_after=1)
    with pytest.raises(Killed):
        train([trial], kept)
    snapshot, tensors = kept.snapshots[trial.key]
    learner = learner_of("kd")
    before = hash_weights(learner.model)
    name = next(iter(tensors))
    weights = tensors[name]
    others = [
        tampered(tensors, name, weights[:1]),
        tampered(tensors, "network.0.unknown", weights),
        tampered(tensors, "optimizer.99.momentum_buffer", weights),
        tampered(tensors, "best.unknown", weights),
        tampered(tensors, "other", weights),
        {key: value for key, value in tensors.items() if key != name},
    ]
    assert not put_back(learner, snapshot, tampered(tensors, name, weights + 1))
    for other in others:
        assert not put_back(learner, snapshot.model_copy(update={"tensors_sha256": sha256_of(other)}), other)
    assert not put_back(learner, snapshot.model_copy(update={"epoch": EPOCHS + 1}), tensors)
    assert hash_weights(learner.model) == before
