import pytest
from pydantic import ValidationError

from kdbench.spec import (
    AdamW,
    Choice,
    DataSpec,
    Gate,
    NamedChoice,
    Pair,
    Sgd,
    Suite,
    TrainSpec,
)
from kdbench.spec.conditions import STANDARD
from kdbench.spec.suite import LossChoice
from kdbench.spec.variants import Fp32, Int8Static
from tests.small import small_suite


def test_a_choice_is_a_name_or_a_table() -> None:
    assert Choice.model_validate("kd") == Choice(use="kd")
    assert Choice.model_validate({"use": "kd", "temperature": 2}) == Choice(use="kd", options={"temperature": 2})
    assert Choice.model_validate({"use": "mlp", "hidden": [8, 4]}).label == "mlp(hidden=8-4)"
    assert NamedChoice.model_validate({"use": "kd", "name": "hot", "temperature": 9}).label == "hot"


def test_data_takes_slice_and_options_in_one_table() -> None:
    data = DataSpec.model_validate({"use": "digits", "validation": 0.5, "other": 1})
    assert data == DataSpec(dataset=Choice(use="digits", options={"other": 1}), validation=0.5)


def test_seeds_are_a_count_or_a_list() -> None:
    content = {"name": "x", "data": "digits", "pairs": [{"teacher": "mlp", "student": "mlp"}], "losses": ["kd"]}
    assert Suite.model_validate({**content, "seeds": 2}).seeds == (0, 1)
    assert Suite.model_validate({**content, "seeds": [7, 9]}).seeds == (7, 9)
    for wrong in (0, [], -1, [-1], True, "2", 2.5):
        with pytest.raises(ValidationError):
            Suite.model_validate({**content, "seeds": wrong})


def test_optimizers_are_told_apart_by_name() -> None:
    assert TrainSpec.model_validate({"optimizer": {"use": "adamw"}}).optimizer == AdamW()
    assert TrainSpec().optimizer == Sgd()
    with pytest.raises(ValidationError):
        TrainSpec.model_validate({"optimizer": {"use": "adamw", "momentum": 0.9}})


def test_an_optimizer_by_its_name_has_its_usual_options() -> None:
    usual = TrainSpec(optimizer="adamw")
    assert usual.optimizer == AdamW()
    loss = LossChoice.model_validate({"use": "kd", "lr": 0.3, "train": {"optimizer": "adamw"}})
    assert loss.recipe(TrainSpec()).optimizer == AdamW(lr=0.3)


def test_nesterov_needs_momentum() -> None:
    with pytest.raises(ValidationError, match="nesterov = true needs momentum above 0"):
        Sgd(nesterov=True, momentum=0.0)
    assert Sgd(nesterov=True).momentum == 0.9
    assert not Sgd(momentum=0.0).nesterov


def test_a_gate_names_the_limit_of_its_metric() -> None:
    assert Gate(metric="top1", may_drop=0.01).may_drop == 0.01
    for wrong in ({"metric": "top1"}, {"metric": "latency", "may_drop": 0.1}, {"metric": "top1", "may_drop": 0.001}):
        with pytest.raises(ValidationError):
            Gate.model_validate(wrong)


def test_labels_say_what_was_written() -> None:
    pair = Pair.model_validate({"teacher": {"use": "cnn", "width": 64}, "student": "cnn"})
    assert pair.label == "cnn(width=64) -> cnn"


def test_records_are_frozen_and_strict() -> None:
    with pytest.raises(ValidationError):
        TrainSpec().epochs = 4  # type: ignore[misc]
    with pytest.raises(ValidationError):
        TrainSpec.model_validate({"epochs": "3"})
    with pytest.raises(ValidationError):
        TrainSpec.model_validate({"epoch": 3})


def test_a_suite_is_evaluated_in_the_standard_environments_and_as_exported_unless_it_says_otherwise() -> None:
    content = {"name": "x", "data": "digits", "pairs": [{"teacher": "mlp", "student": "mlp"}], "losses": ["kd"]}
    usual = Suite.model_validate(content)
    assert [condition.label for condition in usual.conditions] == [each["name"] for each in STANDARD]
    assert usual.variants == (Fp32(),)
    other = Suite.model_validate({**content, "conditions": [], "variants": ["fp32", "int8_static"]})
    assert other.conditions == ()
    assert other.variants == (Fp32(), Int8Static())
    assert Suite.model_validate(other.model_dump(mode="json")) == other


def test_what_follows_training_is_in_no_trials_key() -> None:
    from kdbench import api

    keys = set(api.plan(small_suite()).trials)
    more = {"conditions": ["gaussian_blur"], "variants": ["fp32", "fp16"], "latency": {"margin": 0.5}}
    assert set(api.plan(small_suite(**more)).trials) == keys


def test_teachers_take_turns_and_further_ones_have_seeds_of_their_own() -> None:
    suite = small_suite(seeds=[3, 5, 8], teacher_seeds=2)
    assert [suite.teacher_seed(index) for index in range(3)] == [3, 5, 3]
    assert [suite.teacher_seed(1, further) for further in range(4)] == [5, 8, 9, 10]


def test_a_suite_teaches_in_the_usual_way_unless_it_says_otherwise() -> None:
    assert [way.label for way in small_suite().teaching] == ["single"]
    found = small_suite(teaching=["single", {"use": "ensemble", "count": 2, "name": "two"}]).teaching
    assert [way.label for way in found] == ["single", "two"]
    with pytest.raises(ValidationError):
        small_suite(teaching=[])


def test_further_seeds_are_none_that_the_suite_takes_otherwise() -> None:
    suite = small_suite(seeds=[0, 3], tuning={"trials": 2, "seeds": [5]}, confirm_seeds=2)
    more = suite.with_seeds(5)
    assert (more.seeds, more.confirming, more.name) == ((0, 3, 4, 6, 7), (), f"{suite.name}@seeds=5")
    part = suite.model_copy(update={"name": "small@losses=kd"})
    assert part.with_seeds(3).name == "small@losses=kd,seeds=3"


def test_a_check_measures_the_conditions_and_variants_that_gates_hold() -> None:
    attack = {"use": "pgd", "epsilon": 0.03, "name": "attack"}
    conditions = ["gaussian_blur", {"use": "rotation", "degrees": 30.0, "name": "tilted"}, attack]
    suite = small_suite(conditions=conditions, variants=["fp32", "fp16", "int8_static"])
    tilted = Gate(metric="top1", condition="tilted", may_drop=0.01)
    static = Gate(metric="top1", variant="int8_static", may_drop=0.01)
    everywhere = Gate(metric="right_everywhere", may_drop=0.01)

    def kept(*gates: Gate) -> tuple[list[str], list[str]]:
        found = suite.measured_for(gates)
        assert found.latency.batch_sizes == ()
        return [each.label for each in found.conditions], [each.label for each in found.variants]

    assert kept() == ([], ["fp32"])
    assert kept(tilted, static) == (["tilted"], ["fp32", "int8_static"])
    assert kept(everywhere) == (["gaussian_blur", "tilted"], ["fp32"])
