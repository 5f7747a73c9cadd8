"""The training loop: the same numbers whoever trains beside, teachers untouched, honest ends."""

import time
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import nn

from kdbench.deploy.export.export import hash_weights
from kdbench.results.machine import energy, energy_counters
from kdbench.spec import Trial
from kdbench.spec.generators import drain
from kdbench.train.build import build_model
from kdbench.train.ended import Ended, EpochDone, NotTrained, Trained
from kdbench.train.loop import train_cohort
from kdbench.zoo.catalog import BUILTIN, Catalog
from tests.small import random_splits, small_trial, taught_by

SPLITS = random_splits()
TEACHER = small_trial(model={"use": "cnn", "options": {"width": 4}}, seed=5)


def teacher() -> nn.Module:
    return build_model(TEACHER.model, Catalog(), SPLITS.classes, SPLITS.shape, TEACHER.seed)


def train(
    trials: Sequence[Trial], guide: nn.Module | None = None, processes: int | None = None, by: Trial | None = None
) -> tuple[list[Ended], list[EpochDone]]:
    training = train_cohort(trials, SPLITS, Catalog(), taught_by(guide, by or TEACHER), processes=processes)
    progress: list[EpochDone] = []
    return drain(training, progress.append), progress


def trained(outcome: Ended) -> Trained:
    assert isinstance(outcome, Trained), outcome
    return outcome


def taught(loss: str | dict[str, object], **changes: object) -> Trial:
    return small_trial(loss=loss, model={"use": "cnn", "width": 2}, teachers=[TEACHER], **changes)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def test_the_same_trial_twice_gives_the_same_weights_bit_for_bit() -> None:
    trial = small_trial(train={"epochs": 2, "batch_size": 16, "augment": [{"use": "crop", "options": {"padding": 1}}]})
    first, second = (trained(train([trial])[0][0]) for _ in range(2))
    assert hash_weights(first.model) == hash_weights(second.model)
    assert first.curve == second.curve


def test_another_seed_gives_other_weights() -> None:
    first, second = (trained(train([small_trial(seed=seed)])[0][0]) for seed in (0, 1))
    assert hash_weights(first.model) != hash_weights(second.model)


def test_a_cohort_changes_nothing_over_all_losses() -> None:
    losses = list(BUILTIN["losses"])
    student, guide = ({"use": "resnet_cifar", "options": {"depth": depth}} for depth in (8, 14))  # overhaul needs norms
    guides = [small_trial(model=guide, seed=5)]
    noisy = {"use": "gaussian_noise", "options": {"sd": 0.1}}
    trials = [
        small_trial(loss={"use": loss, "options": {}}, model=student, teachers=guides, view=noisy) for loss in losses
    ]
    one = build_model(guides[0].model, Catalog(), SPLITS.classes, SPLITS.shape, seed=5)
    together = {o.trial.key: hash_weights(trained(o).model) for o in train(trials, one, by=guides[0])[0]}
    for trial in trials:
        alone = trained(train([trial], one, by=guides[0])[0][0])
        assert hash_weights(alone.model) == together[trial.key], trial.lessons[0].loss.use
    assert len(set(together.values())) == len(losses)


def test_dropout_draws_the_same_whoever_trains_beside() -> None:
    model = {"use": "mlp", "options": {"hidden": [16], "dropout": 0.5}}
    one, other = (
        small_trial(model=model),
        small_trial(model={"use": "mlp", "options": {"hidden": [9], "dropout": 0.3}}),
    )
    alone = trained(train([one])[0][0])
    beside = trained(train([other, one])[0][1])
    assert hash_weights(alone.model) == hash_weights(beside.model)


def test_the_teacher_is_untouched_and_in_eval_mode() -> None:
    guide = build_model(
        TEACHER.model.model_copy(update={"use": "resnet_cifar", "options": {"depth": 8}}), Catalog(), 4, (1, 8, 8), 0
    )
    before = hash_weights(guide)
    guide.train()
    train([taught("kd")], guide)
    assert hash_weights(guide) == before  # batch norm's running statistics included
    assert not guide.training
    assert all(parameter.grad is None for parameter in guide.parameters())


def test_the_student_is_back_in_train_mode_after_each_evaluation() -> None:
    # A student left in eval would not move its batch norm statistics after epoch 0's evaluation.
    trial = small_trial(model={"use": "resnet_cifar", "options": {"depth": 8}})
    fresh = build_model(trial.model, Catalog(), 4, (1, 8, 8), trial.seed).state_dict()
    done = trained(train([trial])[0][0]).model.state_dict()
    name = next(name for name in done if name.endswith("running_mean"))
    assert not torch.equal(fresh[name], done[name])
    assert int(done[name.replace("running_mean", "num_batches_tracked")]) == 2 * 5  # epochs x steps


def test_students_of_one_seed_start_from_the_same_weights() -> None:
    models = [build_model(taught(loss).model, Catalog(), 4, (1, 8, 8), seed=3) for loss in ("kd", "fitnet")]
    assert hash_weights(models[0]) == hash_weights(models[1])


def test_the_curve_has_step_zero_and_every_epoch() -> None:
    outcomes, progress = train([small_trial()])
    done = trained(outcomes[0])
    assert [point.epoch for point in done.curve] == [0, 1, 2]
    assert [point.samples for point in done.curve] == [0, 70, 140]
    assert done.curve[0].train_loss is None
    assert [step.epoch for step in progress] == [0, 1, 2]
    assert done.cost.steps == 10
    assert done.cost.samples == 140
    assert done.cost.step_seconds > 0


def test_the_teachers_seconds_are_shared_by_those_who_ask_it() -> None:
    outcomes, _ = train([taught("kd"), taught("cross_entropy"), taught("fitnet")], teacher())
    costs = [trained(outcome).cost for outcome in outcomes]
    assert [(cost.teacher, cost.teacher_shared_by) for cost in costs] == [("live", 2), ("none", 1), ("live", 2)]
    assert {cost.cohort for cost in costs} == {3}


def test_a_run_that_diverges_fails_with_its_reason_and_leaves_the_others_alone() -> None:
    wild = small_trial(train={"epochs": 2, "batch_size": 16, "optimizer": {"use": "sgd", "lr": 1e30}})
    (outcome,) = train([wild])[0]
    assert isinstance(outcome, NotTrained)
    assert outcome.status == "failed"
    assert "diverged" in outcome.reason
    assert "nan" in outcome.reason
    assert "epoch 1" in outcome.reason


def test_one_diverging_student_does_not_touch_its_cohort() -> None:
    # An absurd weight makes one loss overflow; the recipe is the same for all.
    calm = taught("kd")
    wild = taught({"use": "kd", "weight": 1e38})
    outcomes, _ = train([wild, calm], teacher())
    assert isinstance(outcomes[0], NotTrained)
    assert hash_weights(trained(outcomes[1]).model) == hash_weights(trained(train([calm], teacher())[0][0]).model)


@pytest.mark.parametrize(("epochs", "stopped"), [(9, "patience"), (3, "patience"), (2, "epochs")])
def test_patience_stops_when_validation_no_longer_improves(epochs: int, stopped: str) -> None:
    frozen = {"use": "sgd", "lr": 1e-12}
    trial = small_trial(train={"epochs": epochs, "batch_size": 16, "optimizer": frozen, "patience": 2})
    done = trained(train([trial])[0][0])
    assert done.stopped == stopped
    assert done.curve[-1].epoch == 2


@pytest.mark.parametrize(("initialization", "first"), [(2.5, 3), (3.0, 4)])
def test_patience_waits_for_the_end_of_an_initialization(initialization: float, first: int) -> None:
    # Epoch 3 is trained in part after an initialization of 2.5 epochs, and not at all after one of 3. Nothing improves: without the phase it would stop after epoch 1, having selected epoch 0.
    frozen = {"use": "sgd", "lr": 1e-12}
    recipe = {"epochs": 8, "batch_size": 16, "optimizer": frozen, "patience": 1, "select": "best"}
    trial = small_trial(
        loss={"use": "factor_transfer", "options": {"init_epochs": initialization}}, train=recipe, teachers=[TEACHER]
    )
    done = trained(train([trial], teacher())[0][0])
    assert (done.stopped, done.selected_epoch, done.curve[-1].epoch) == ("patience", first, first + 1)


def test_the_best_epoch_is_deployed_where_asked() -> None:
    recipe = {"epochs": 6, "batch_size": 16, "optimizer": {"use": "sgd", "lr": 0.3}}
    last = trained(train([small_trial(train=recipe)])[0][0])
    best = trained(train([small_trial(train={**recipe, "select": "best"})])[0][0])
    accuracies = [point.validation_top1 for point in best.curve]
    assert accuracies == [point.validation_top1 for point in last.curve]
    assert last.selected_epoch == 6
    assert best.selected_epoch == accuracies.index(max(accuracies))
    from kdbench.train.evaluate import evaluate

    assert evaluate(best.model, SPLITS.validation, SPLITS)[1] == max(accuracies)


def test_a_loss_that_does_not_fit_is_skipped_with_its_reason() -> None:
    trial = taught({"use": "fitnet", "student_layer": "nowhere"})
    outcomes, _ = train([trial, taught("kd")], teacher())
    assert isinstance(outcomes[0], NotTrained)
    assert outcomes[0].status == "skipped"
    assert "nowhere" in outcomes[0].reason
    trained(outcomes[1])


def test_the_student_sees_its_view_and_the_teacher_the_clean_images() -> None:
    seen: list[torch.Tensor] = []
    guide = teacher()
    guide.register_forward_pre_hook(lambda _, entered: seen.append(entered[0].clone()))
    train([taught("kd", view={"use": "gaussian_noise", "options": {"sd": 5.0}})], guide)
    noisy = max(float(images.abs().max()) for images in seen)
    assert noisy < 6  # five SDs of noise would reach far beyond


BFLOAT16 = {"epochs": 2, "batch_size": 16, "precision": "bfloat16"}


def test_bfloat16_is_of_the_students_forward_alone() -> None:
    seen: list[tuple[bool, torch.dtype]] = []

    def look(model: nn.Module, _: object, gave: torch.Tensor) -> None:
        seen.append((model.training, gave.dtype))

    heard: list[torch.dtype] = []
    guide = teacher()
    guide.register_forward_hook(lambda *told: heard.append(told[-1].dtype))
    trial = taught("kd", train=BFLOAT16)
    training = train_cohort([trial], SPLITS, Catalog(), taught_by(guide, TEACHER))
    with nn.modules.module.register_module_forward_hook(
        lambda model, entered, gave: look(model, entered, gave) if isinstance(model, nn.Sequential) else None
    ):
        for _ in training:
            pass
    assert {dtype for trains, dtype in seen if trains} == {torch.bfloat16}
    assert {dtype for trains, dtype in seen if not trains} == {torch.float32}  # evaluation, as it is deployed
    assert set(heard) == {torch.float32}


def test_bfloat16_gives_other_bits_in_float32_weights_and_learns_as_well() -> None:
    recipe = {"epochs": 12, "batch_size": 16, "optimizer": {"use": "adamw", "lr": 0.01}}
    plain, rounded = (
        trained(train([small_trial(train={**recipe, "precision": precision})])[0][0])
        for precision in ("float32", "bfloat16")
    )
    assert hash_weights(plain.model) != hash_weights(rounded.model)
    assert {value.dtype for value in rounded.model.state_dict().values()} == {torch.float32}
    assert (plain.trial.train.precision, rounded.trial.train.precision) == ("float32", "bfloat16")
    assert plain.trial.key != rounded.trial.key  # never in silence: another trial, another record
    first, last = rounded.curve[0].validation_loss, rounded.curve[-1].validation_loss
    assert last < 0.9 * first
    assert last == pytest.approx(plain.curve[-1].validation_loss, rel=0.1)


def test_a_cohort_changes_nothing_in_bfloat16() -> None:
    trials = [taught(loss, train=BFLOAT16) for loss in ("kd", "fitnet", "label_smoothing")]
    together = {o.trial.key: hash_weights(trained(o).model) for o in train(trials, teacher())[0]}
    for trial in trials:
        assert hash_weights(trained(train([trial], teacher())[0][0]).model) == together[trial.key], trial.lessons[
            0
        ].loss.use


def test_a_cohort_changes_nothing_where_optimizers_differ() -> None:
    recipe = {"epochs": 2, "batch_size": 16}
    optimizers = [{"use": "sgd", "lr": 0.1}, {"use": "sgd", "lr": 0.01, "momentum": 0.0}, {"use": "adamw"}]
    trials = [taught("fitnet", train=recipe | {"optimizer": optimizer}) for optimizer in optimizers]
    together = {o.trial.key: hash_weights(trained(o).model) for o in train(trials, teacher())[0]}
    assert len(set(together.values())) == 3
    for trial in trials:
        assert hash_weights(trained(train([trial], teacher())[0][0]).model) == together[trial.key]


@pytest.mark.alone
def test_the_parts_of_the_cost_add_up_to_the_pass() -> None:
    trials = [taught(loss) for loss in ("kd", "fitnet", "cross_entropy")]
    costs = [trained(outcome).cost for outcome in train(trials, teacher())[0]]
    spent = max(cost.cpu_seconds for cost in costs)
    total = sum(cost.shared_seconds for cost in costs)
    assert 0.5 * spent < total <= 1.001 * spent
    for cost in costs:
        parts = (cost.step_seconds, cost.evaluation_seconds, cost.data_seconds, cost.teacher_seconds)
        assert 0 < sum(parts) <= 1.001 * cost.cpu_seconds
        assert cost.wall_seconds > 0
        assert (cost.cohort, cost.threads, cost.steps, cost.samples) == (3, 1, 10, 140)
    assert [(cost.teacher, cost.teacher_shared_by) for cost in costs] == [("live", 2), ("live", 2), ("none", 1)]
    assert [cost.teacher_seconds > 0 for cost in costs] == [True, True, False]
    assert all(cost.step_seconds > 0 < cost.evaluation_seconds and cost.data_seconds > 0 for cost in costs)


def test_work_that_takes_time_is_told_where_it_was_done() -> None:
    guide = teacher()
    guide.register_forward_hook(lambda *_: _work(0.02))
    (cost,) = [trained(outcome).cost for outcome in train([taught("kd")], guide)[0]]
    assert cost.teacher_seconds >= 10 * 0.02  # ten steps
    assert cost.teacher_seconds_alone == cost.teacher_seconds
    assert cost.step_seconds + cost.data_seconds + cost.evaluation_seconds < cost.cpu_seconds - 0.2


def _work(seconds: float) -> None:
    began = time.process_time()
    while time.process_time() - began < seconds:
        pass


def test_waiting_costs_nothing() -> None:
    """A busy machine makes a training last longer, and not cost more."""
    guide = teacher()
    guide.register_forward_hook(lambda *_: time.sleep(0.02))
    (cost,) = [trained(outcome).cost for outcome in train([taught("kd")], guide)[0]]
    assert cost.wall_seconds > 0.2
    assert cost.teacher_seconds < 0.2


def test_a_model_that_stops_early_is_not_charged_for_the_rest() -> None:
    recipe = {"epochs": 8, "batch_size": 16, "patience": 1, "optimizer": {"use": "adamw", "lr": 0.01}}
    eager = taught({"use": "kd", "weight": 0.5, "ce_weight": 1.0}, train=recipe, seed=2)
    idle = taught({"use": "kd", "weight": 0.0, "ce_weight": 0.0}, train=recipe, seed=2)
    first, last = (trained(outcome) for outcome in train([idle, eager], teacher())[0])
    assert first.curve[-1].epoch == 1 < last.curve[-1].epoch
    assert first.cost.wall_seconds < last.cost.wall_seconds
    assert first.cost.teacher_seconds < last.cost.teacher_seconds
    assert first.cost.steps == 5
    alone = trained(train([eager], teacher())[0][0])
    assert hash_weights(alone.model) == hash_weights(last.model)


@pytest.fixture
def counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A processor's counter of energy that stands at 5 J, and whose power at rest is 0."""
    monkeypatch.setattr(energy_counters, "POWERCAP", tmp_path)
    monkeypatch.setattr(energy, "REST_SECONDS", 0.0)
    monkeypatch.setattr(energy, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(energy, "_RESTED", {})
    package = tmp_path / "intel-rapl:0"
    package.mkdir()
    for name, value in (("name", "package-0"), ("max_energy_range_uj", "65532610987"), ("energy_uj", "5000000")):
        (package / name).write_text(value)
    return package / "energy_uj"


def test_the_energy_is_the_cohorts_over_its_samples(counted: Path) -> None:
    guide = teacher()
    # Each word of the teacher costs a joule: one in sizing it up, before the meter is read, and one in each of 10 steps.
    guide.register_forward_hook(lambda *_: counted.write_text(str(int(counted.read_text()) + 1_000_000)) and None)
    costs = [trained(o).cost for o in train([taught("kd"), taught("logit_mse")], guide, processes=1)[0]]
    for cost in costs:
        assert (cost.energy.joules, cost.energy.units) == (pytest.approx(10.0), 2 * 140)
        assert cost.energy.source == "RAPL, package-0"
        assert 0 < cost.energy.seconds <= 1.1 * cost.wall_seconds


def test_energy_is_not_told_where_it_cannot_be_divided_or_was_not_asked_for(counted: Path) -> None:
    for processes, reason in ((2, "cannot be divided"), (None, "not asked for")):
        told = trained(train([small_trial()], processes=processes)[0][0]).cost.energy
        assert told.joules is None
        assert reason in (told.reason or "")
