"""Keys: what was computed counts, what a suite calls it does not."""

import pytest

from kdbench.results import keys as keys_module
from kdbench.results.keys import artifact_key, evaluation_key, latency_key, score_name, throughput_key, unnamed
from kdbench.spec import How, NamedChoice
from kdbench.spec.variants import Fp16, Fp32, Int8Dynamic, Int8Static
from tests.records import HOW

HOWS = (
    HOW,
    HOW.model_copy(update={"provider": "cuda"}),
    HOW.model_copy(update={"threads": 2}),
    HOW.model_copy(update={"batch": 8}),
    HOW.model_copy(update={"spinning": True}),
    HOW.model_copy(update={"path": "device"}),
)


def test_a_latency_belongs_to_two_architectures_a_way_a_precision_and_a_machine() -> None:
    keys = [
        latency_key(architecture, reference, how, machine, margin=margin, files=files)
        for architecture in "ab"
        for reference in "ab"
        for how in HOWS
        for machine in "mn"
        for margin in (0.05, 0.1)
        for files in ((), ("1", "2"), ("2", "1"))
    ]
    assert len(set(keys)) == len(keys) == 2 * 2 * 6 * 2 * 2 * 3
    assert latency_key("a", "b", HOW, "m", margin=0.05) == latency_key(
        "a", "b", How.model_validate_json(HOW.model_dump_json()), "m", margin=0.05
    )


def test_a_throughput_belongs_to_two_architectures_a_way_a_machine_and_how_far_it_goes() -> None:
    keys = [
        throughput_key(architecture, reference, how, machine, largest)
        for architecture in "ab"
        for reference in "ab"
        for how in HOWS
        for machine in "mn"
        for largest in (8, 16)
    ]
    assert len(set(keys)) == len(keys)


def test_another_way_of_timing_is_another_key(monkeypatch: pytest.MonkeyPatch) -> None:
    def keys() -> set[str]:
        return {latency_key("a", "b", HOW, "m", margin=0.05), throughput_key("a", "b", HOW, "m", 8)}

    before = keys()
    monkeypatch.setattr(keys_module, "TIMING", keys_module.TIMING + 1)
    assert len(before | keys()) == 4


def noise(**changes: object) -> NamedChoice:
    return NamedChoice.model_validate({"use": "gaussian_noise", "sd": 0.5, "name": "noise", **changes})


def key(condition: NamedChoice | None = None, *metrics: NamedChoice, artifact: str = "artifact") -> str:
    return evaluation_key(artifact, condition, metrics)


def test_a_condition_is_what_corrupts_whatever_it_is_called() -> None:
    assert key(noise(name="grain")) == key(noise(name=None)) == key(noise())
    others = [
        key(),
        key(noise(), artifact="other"),
        key(noise(sd=0.25)),
        key(NamedChoice.model_validate({"use": "gaussian_blur", "sd": 0.5})),
        key(noise().model_copy(update={"origin": "edited"})),
        evaluation_key("artifact", noise(), (), data="other"),
        evaluation_key("artifact", noise(), (), head="fine"),
    ]
    assert len({key(noise()), *others}) == 8


def test_the_metrics_asked_for_count_and_neither_their_names_nor_their_order() -> None:
    f1, accuracy = (NamedChoice.model_validate({"use": use}) for use in ("macro_f1", "balanced_accuracy"))
    named = NamedChoice.model_validate({"use": "macro_f1", "name": "F1"})
    assert key(None, f1, accuracy) == key(None, accuracy, named)
    assert len({key(), key(None, f1), key(None, accuracy), key(None, f1, accuracy)}) == 4


def test_an_artifact_is_a_trial_and_every_option() -> None:
    variants = (Fp32(), Int8Static(), Int8Static(samples=64), Int8Static(per_channel=False))
    keys = [artifact_key(trial, variant) for trial in "ab" for variant in variants]
    assert len(set(keys)) == 8
    assert artifact_key("a", Int8Static(samples=256)) == artifact_key("a", Int8Static())


def test_only_int8_depends_on_the_instruction_set() -> None:
    for variant, kinds in ((Fp32(), 1), (Fp16(), 1), (Int8Dynamic(), 3), (Int8Static(), 3)):
        keys = [artifact_key("a", variant, on) for on in (None, ("avx2",), ("avx2", "avx_vnni"), ("avx_vnni", "avx2"))]
        assert len(set(keys)) == kinds


def test_records_call_a_metric_by_what_it_computes() -> None:
    metric = NamedChoice.model_validate({"use": "top_k", "k": 5, "name": "best five"})
    assert score_name(metric) == "top_k(k=5)"
    assert unnamed(metric) == {"use": "top_k", "options": {"k": 5}, "origin": None}


def test_another_way_of_evaluating_is_another_key(monkeypatch: pytest.MonkeyPatch) -> None:
    def keys() -> set[str]:
        return {key(noise()), artifact_key("trial", Fp32())}

    before = keys()
    monkeypatch.setattr(keys_module, "EVALUATION", keys_module.EVALUATION + 1)
    assert len(before | keys()) == 4
