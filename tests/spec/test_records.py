import pytest
from pydantic import ValidationError

from kdbench.spec import (
    AdamW,
    Choice,
    DataSpec,
    Gate,
    How,
    LatencySpec,
    NamedChoice,
    Pair,
    Sgd,
    Suite,
    TrainSpec,
    Trial,
)
from kdbench.spec.conditions import STANDARD
from kdbench.spec.variants import Fp32, Int8Static
from tests.small import small_suite


def trial(**changes: object) -> Trial:
    content: dict[str, object] = {
        "model": {"use": "mlp", "hidden": [8]},
        "data": "digits",
        "loss": "cross_entropy",
        "train": {},
        "seed": 0,
    }
    return Trial.model_validate({**content, **changes})


def test_a_choice_is_a_name_or_a_table() -> None:
    assert Choice.model_validate("kd") == Choice(use="kd")
    assert Choice.model_validate({"use": "kd", "temperature": 2}) == Choice(use="kd", options={"temperature": 2})
    assert Choice.model_validate({"use": "mlp", "hidden": [8, 4]}).label == "mlp(hidden=8-4)"
    assert NamedChoice.model_validate({"use": "kd", "name": "hot", "temperature": 9}).label == "hot"


def test_data_takes_slice_and_options_in_one_table() -> None:
    data = DataSpec.model_validate({"use": "digits", "fraction": 0.5, "other": 1})
    assert data == DataSpec(dataset=Choice(use="digits", options={"other": 1}), fraction=0.5)


def test_records_survive_json() -> None:
    one = trial(teachers=[trial(seed=3)])
    again = Trial.model_validate_json(one.model_dump_json())
    assert again == one
    assert again.key == one.key


def test_the_key_depends_on_content_alone() -> None:
    assert trial().key == trial().key
    assert len(trial().key) == 16
    base = trial(teachers=[trial(seed=1)])
    changed = [
        trial(seed=1),
        trial(model="cnn"),
        trial(loss="kd"),
        trial(train={"epochs": 3}),
        trial(view="gaussian_noise"),
        trial(data={"use": "digits", "per_class": 5}),
        base,
        trial(teachers=[trial(seed=2)]),
        trial(teachers=[trial(seed=1, train={"epochs": 2})]),
        trial(start=trial()),
    ]
    assert len({one.key for one in [trial(), *changed]}) == len(changed) + 1


def test_a_changed_copy_has_a_key_of_its_own() -> None:
    one = trial(teachers=[trial(seed=3)])
    before = one.key
    assert one.model_copy(update={"seed": 5}).key == trial(seed=5, teachers=[trial(seed=3)]).key != before
    assert one.model_copy(update={"teachers": (trial(seed=4),)}).key != before


def test_depth_counts_the_trials_before() -> None:
    assert trial().depth == 0
    assert trial(teachers=[trial(teachers=[trial()])]).depth == 2
    assert trial(start=trial()).depth == 1


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
        trial().seed = 4  # type: ignore[misc]
    with pytest.raises(ValidationError):
        TrainSpec.model_validate({"epochs": "3"})
    with pytest.raises(ValidationError):
        TrainSpec.model_validate({"epoch": 3})


def ways(cores: int = 4, **changes: object) -> list[str]:
    spec = LatencySpec.model_validate({"batch_sizes": [1], **changes})
    return [how.label for how in spec.combinations(cores)]


def test_every_combination_is_timed() -> None:
    found = ways(batch_sizes=[1, 8], threads=[1, 2], spinning=[False, True])
    assert found == [
        "cpu, 1 thread, batch 1",
        "cpu, 1 thread, batch 8",
        "cpu, 1 thread, spinning, batch 1",
        "cpu, 1 thread, spinning, batch 8",
        "cpu, 2 threads, batch 1",
        "cpu, 2 threads, batch 8",
        "cpu, 2 threads, spinning, batch 1",
        "cpu, 2 threads, spinning, batch 8",
    ]


def test_all_cores_are_the_machines_and_are_timed_once() -> None:
    assert ways(threads=["cores"]) == ["cpu, 4 threads, batch 1"]
    assert ways(threads=[1, "cores", 4], cores=4) == ["cpu, 1 thread, batch 1", "cpu, 4 threads, batch 1"]
    assert ways(threads=[1, "cores"], cores=1) == ["cpu, 1 thread, batch 1"]


def test_paths_are_of_providers_with_a_memory_of_their_own() -> None:
    found = ways(providers=["cpu", "cuda", "openvino", "tensorrt"], paths=["host", "device", "graph"])
    assert found == [
        "cpu, 1 thread, batch 1",
        "cuda, 1 thread, batch 1",
        "cuda, 1 thread, on the device, batch 1",
        "cuda, 1 thread, CUDA graph, batch 1",
        "openvino, 1 thread, batch 1",
        "tensorrt, 1 thread, batch 1",
        "tensorrt, 1 thread, on the device, batch 1",
        "tensorrt, 1 thread, CUDA graph, batch 1",
    ]
    assert ways(providers=["cpu"], paths=["device"]) == ["cpu, 1 thread, batch 1"]


def test_a_way_of_timing_is_its_fields() -> None:
    one = How(provider="cuda", threads=2, batch=32, spinning=True, path="graph")
    assert one.label == "cuda, 2 threads, spinning, CUDA graph, batch 32"
    assert How.model_validate_json(one.model_dump_json()) == one
    assert {one: 1}[one.model_copy()] == 1


@pytest.mark.parametrize(
    "wrong",
    [{"seconds": 0.5}, {"threads": [0]}, {"threads": ["core"]}, {"threads": [True]}, {"threads": [1.0]},
     {"paths": ["gpu"]}, {"providers": ["gpu"]}, {"margin": 0}, {"margin": float("inf")}, {"largest_batch": 0},
     {"batch_sizes": [0]}, {"spinning": ["no"]}],
)  # fmt: skip
def test_what_is_no_way_of_timing_is_one_error(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as caught:
        LatencySpec.model_validate(wrong)
    assert caught.value.error_count() == 1


def test_a_suite_is_evaluated_in_the_standard_environments_and_as_exported_unless_it_says_otherwise() -> None:
    content = {"name": "x", "data": "digits", "pairs": [{"teacher": "mlp", "student": "mlp"}], "losses": ["kd"]}
    usual = Suite.model_validate(content)
    assert [environment.label for environment in usual.environments] == [each["name"] for each in STANDARD]
    assert usual.variants == (Fp32(),)
    other = Suite.model_validate({**content, "environments": [], "variants": ["fp32", "int8_static"]})
    assert other.environments == ()
    assert other.variants == (Fp32(), Int8Static())
    assert Suite.model_validate(other.model_dump(mode="json")) == other


def test_what_follows_training_is_in_no_trials_key() -> None:
    from kdbench import api

    keys = set(api.plan(small_suite()).trials)
    more = {"environments": ["gaussian_blur"], "variants": ["fp32", "fp16"], "latency": {"margin": 0.5}}
    assert set(api.plan(small_suite(**more)).trials) == keys
