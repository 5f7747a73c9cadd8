"""What is evaluated, selected and exported: the student itself, or with SimKD a network of which it is a part."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import nn

from kdbench.deploy.export.export import export_onnx, hash_weights
from kdbench.deploy.export.parity import check_parity
from kdbench.spec import Trial
from kdbench.spec.generators import drain
from kdbench.train import learner as learner_module
from kdbench.train.build import build_criterion, build_model
from kdbench.train.ended import Trained
from kdbench.train.evaluate import evaluate
from kdbench.train.loop import train_cohort
from kdbench.zoo import trace
from kdbench.zoo.catalog import BUILTIN, Catalog
from kdbench.zoo.interface import Draw
from tests.small import random_splits, small_trial, taught_by

SHAPE = (1, 16, 16)
SPLITS = random_splits(shape=SHAPE)
TEACHER = {"use": "resnet_cifar", "options": {"depth": 8}}
STUDENT = {"use": "cnn", "options": {"width": 2}}
BN_STUDENT = {"use": "resnet_cifar", "options": {"depth": 8}}
TAUGHT_BY = small_trial(model=TEACHER, seed=5)

BODY = 1 * 2 * 9 + 2 + 2 * 4 * 9 + 4  # the student's two convolutions; its linear layers are left out
PROJECTOR = 4 * 32 + 32 * 32 * 9 + 32 * 64 + 2 * (32 + 32 + 64)
HEAD = 64 * 4 + 4  # the teacher's linear layer


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def teacher() -> nn.Module:
    """As after training: running means that are not 0."""
    model = build_model(TAUGHT_BY.model, Catalog(), SPLITS.classes, SPLITS.shape, 5)
    with torch.no_grad():
        for _ in range(5):
            model.train()(SPLITS.train.images.float() / 255)
    return model


def taught(loss: str = "simkd", model: object = STUDENT, train: dict[str, object] | None = None, **options) -> Trial:
    spec = {"epochs": 2, "batch_size": 16, **(train or {})}
    return small_trial(loss={"use": loss, "options": options}, model=model, teachers=[TAUGHT_BY], train=spec)


def train(trials: Sequence[Trial], guide: nn.Module) -> list[Trained]:
    outcomes = drain(train_cohort(trials, SPLITS, Catalog(), taught_by(guide, TAUGHT_BY)))
    assert all(isinstance(outcome, Trained) for outcome in outcomes), outcomes
    return outcomes


@pytest.mark.parametrize("ce_weight", [0.0, 1.0])
def test_simkd_deploys_the_students_body_a_projector_and_the_teachers_head(ce_weight: float) -> None:
    guide = teacher()
    before = hash_weights(guide)
    head = {name: tensor.clone() for name, tensor in guide.fc.state_dict().items()}
    (done,) = train([taught(ce_weight=ce_weight)], guide)
    assert sum(p.numel() for p in done.model.parameters()) == BODY + PROJECTOR + HEAD
    state = done.model.state_dict()
    found = {name.rpartition(".")[2]: tensor for name, tensor in state.items() if name.startswith("head.")}
    assert found.keys() == head.keys()
    assert all(torch.equal(found[name], head[name]) for name in head)
    assert hash_weights(guide) == before
    assert not guide.training
    assert not any(module.training for module in done.model.modules())


def test_the_curve_is_of_what_is_deployed() -> None:
    (done,) = train([taught()], teacher())
    assert evaluate(done.model, SPLITS.validation, SPLITS) == (
        done.curve[-1].validation_loss,
        done.curve[-1].validation_top1,
    )


def test_everything_before_the_head_learns_and_the_students_own_classifier_does_not(monkeypatch) -> None:
    seen: list[learner_module.Learner] = []
    begin = learner_module.Learner.__init__

    def note(self, *args, **kwargs) -> None:
        begin(self, *args, **kwargs)
        seen.append(self)

    monkeypatch.setattr(learner_module.Learner, "__init__", note)
    (done,) = train([taught()], teacher())
    (learner,) = seen
    fresh = build_model(done.trial.model, Catalog(), SPLITS.classes, SPLITS.shape, done.trial.seed).state_dict()
    moved = {
        name.partition(".")[0] for name, t in learner.model.state_dict().items() if not torch.equal(t, fresh[name])
    }
    assert moved == {"conv1", "conv2"}
    held = [p for group in learner.optimizer.param_groups for p in group["params"]]
    assert len({id(p) for p in held}) == len(held)  # no weight twice
    assert {id(p) for p in held} == {
        id(p) for p in (*learner.model.parameters(), *learner.instructions[0].criterion.module.projector.parameters())
    }


@pytest.mark.parametrize("use", [use for use in BUILTIN["losses"] if use != "simkd"])
def test_every_other_loss_deploys_the_bare_student(use: str) -> None:
    trial = taught(use)
    student, guide = build_model(trial.model, Catalog(), 4, SHAPE, 0), teacher()
    teachers = [trace(guide, SHAPE)] if trial.teachers else []
    criterion = build_criterion(trial.lessons[0], Catalog(), trace(student, SHAPE), teachers, Draw(0))
    assert criterion.deployed(student) is student
    (done,) = train([taught(use, train={"epochs": 1})], guide)
    fresh = build_model(trial.model, Catalog(), 4, SHAPE, 0).state_dict()
    assert {name: t.shape for name, t in done.model.state_dict().items()} == {n: t.shape for n, t in fresh.items()}
    assert sum(p.numel() for p in done.model.parameters()) == BODY + 64 * 8 + 8 + 8 * 4 + 4


@pytest.mark.parametrize(
    ("guide", "student", "options"),
    [
        (TEACHER, STUDENT, {}),
        (TEACHER, BN_STUDENT, {"teacher_layer": "middle"}),
        (TEACHER, STUDENT, {"student_layer": "first"}),  # 16x16 to 4x4: a pooling of its own
        (TEACHER, BN_STUDENT, {"student_layer": "embedding", "teacher_layer": "embedding"}),
        ({"use": "cifar:wrn-16-1", "options": {}}, STUDENT, {}),
        ({"use": "mlp", "options": {"hidden": [9, 8], "dropout": 0.5}}, {"use": "mlp", "options": {"hidden": [5]}}, {}),
    ],
)
def test_the_deployed_network_exports_and_agrees_with_torch(guide, student, options, tmp_path: Path) -> None:
    trial = taught(model=student, train={"epochs": 1}, **options)
    model = build_model(TAUGHT_BY.model.model_validate(guide), Catalog(), SPLITS.classes, SHAPE, 5)
    (done,) = train([trial], model)
    plain = build_model(trial.model, Catalog(), SPLITS.classes, SHAPE, 0)
    facts = export_onnx(done.model, SHAPE, tmp_path / "simkd.onnx")
    images = torch.randn(20, *SHAPE, generator=torch.Generator().manual_seed(0))
    parity = check_parity(done.model, tmp_path / "simkd.onnx", images)
    assert parity.max_difference <= parity.tolerance
    assert facts.parameters == sum(p.numel() for p in done.model.parameters())
    if not options:  # cut at its last stage the student loses less than projector and head add
        assert facts.flops > export_onnx(plain, SHAPE, tmp_path / "plain.onnx").flops


def test_students_of_other_seeds_are_one_architecture(tmp_path: Path) -> None:
    trials = [taught(train={"epochs": 1}).model_copy(update={"seed": seed}) for seed in (0, 1)]
    facts = [
        export_onnx(train([trial], teacher())[0].model, SHAPE, tmp_path / f"{trial.seed}.onnx") for trial in trials
    ]
    assert facts[0].architecture == facts[1].architecture
    assert facts[0].weights_sha256 != facts[1].weights_sha256


def test_best_restores_what_was_deployed_then(monkeypatch) -> None:
    top1 = iter([0.1, 0.6, 0.9, 0.3, 0.2])
    states: list[str] = []

    def told(model: nn.Module, *_: object) -> tuple[float, float]:
        states.append(hash_weights(model))
        return 1.0, next(top1)

    monkeypatch.setattr(learner_module, "evaluate", told)
    (done,) = train([taught(model=BN_STUDENT, train={"epochs": 4, "select": "best"})], teacher())
    assert done.selected_epoch == 2
    assert len(set(states)) == 5
    assert hash_weights(done.model) == states[2]


def test_a_cohort_changes_nothing() -> None:
    guide = teacher()
    trials = [taught(), taught("kd"), taught(ce_weight=1.0), taught("review_kd"), taught(model=BN_STUDENT)]
    together = [hash_weights(done.model) for done in train(trials, guide)]
    alone = [hash_weights(train([trial], guide)[0].model) for trial in trials]
    assert together == alone
    assert [hash_weights(done.model) for done in train(trials[::-1], guide)] == together[::-1]


def test_the_students_layers_train_again_after_each_evaluation(monkeypatch) -> None:
    asked: list[bool] = []
    evaluated: list[bool] = []
    step = learner_module.Learner.step

    def watch(self, *args, **kwargs) -> None:
        loss = self.instructions[0].criterion.module
        learning = [*self.model.modules(), *loss.projector.modules()]
        asked.append(all(module.training for module in learning))
        assert not any(module.training for module in loss.head.modules())
        step(self, *args, **kwargs)

    def look(model: nn.Module, *args: object) -> tuple[float, float]:
        handle = model.register_forward_hook(lambda m, *_: evaluated.append(any(p.training for p in m.modules())))
        found = evaluate(model, *args)
        handle.remove()
        return found

    monkeypatch.setattr(learner_module.Learner, "step", watch)
    monkeypatch.setattr(learner_module, "evaluate", look)
    (done,) = train([taught(model=BN_STUDENT)], teacher())
    assert asked
    assert all(asked)
    assert len(evaluated) == 3
    assert not any(evaluated)
    counts = {int(t) for name, t in done.model.state_dict().items() if name.endswith("num_batches_tracked")}
    assert counts == {len(asked)}  # every batch norm, the projector's too, saw every batch, and no other
