"""A small results folder as schema 1 wrote it, carried over: a teacher, two students, and one that was skipped."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kdbench.analyze import summarize
from kdbench.results import ResultSet, Store, load_suite_results
from kdbench.results import carry_over as carry_over_module
from kdbench.results.carry_over import OLD_RECIPE, carry_over
from kdbench.spec import Trial, UserError
from kdbench.spec.trial import RECIPE
from kdbench.spec.variants import Int8Static

OLD = Path(__file__).parent / "schema_1"
TEACHER, ALONE, KD, SKIPPED = "841199b4455dfd53", "9ef8fa22d170b595", "0d6c47287c2f21e8", "0123456789abcdef"


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("new")
    assert carry_over(OLD, folder) == 3
    return folder


@pytest.fixture(scope="module")
def results(new: Path) -> ResultSet:
    return load_suite_results(Store(new), "fashion")


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Path]:
    return Path(shutil.copytree(OLD, tmp_path / "old"))


def was(key: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((OLD / "trials" / key / "trial.json").read_bytes())
    return content


def key_of(results: ResultSet, loss: str, role: str = "student", seed: int = 0) -> str:
    (key,) = (e.key for e in results.run.entries if (e.loss, e.role, e.seed) == (loss, role, seed))
    return key


def test_a_trial_names_its_teacher_by_key(results: ResultSet) -> None:
    teacher, kd = key_of(results, "cross_entropy", "teacher"), key_of(results, "kd")
    trial = Trial.model_validate(results.records[kd].trial)
    assert trial.teachers == (teacher,)
    assert trial.lessons[0].loss.options == was(KD)["trial"]["loss"]["options"]
    assert Trial.model_validate(results.records[teacher].trial).teachers == ()


@pytest.mark.parametrize(
    ("fraction", "per_class", "parts"),
    [
        (1.0, None, []),
        (0.08, None, [{"use": "fraction", "options": {"share": 0.08}}]),
        (1.0, 20, [{"use": "per_class", "options": {"count": 20}}]),
    ],
)
def test_a_fraction_of_the_data_is_a_part_of_it(fraction: float, per_class: int | None, parts: object) -> None:
    data = {"dataset": "digits", "validation": 0.1, "split_seed": 3}
    given = {**data, "fraction": fraction, "per_class": per_class}
    assert carry_over_module._data(given) == {**data, "parts": parts}


def test_keys_have_the_new_form_and_the_old_recipe(results: ResultSet) -> None:
    assert OLD_RECIPE == 1 < RECIPE
    for key, record in results.records.items():
        assert key == record.key
        assert key not in (TEACHER, ALONE, KD)
        assert Trial.model_validate(record.trial).key != key  # which has the recipe of today


@pytest.mark.parametrize(
    ("old_key", "loss", "role"),
    [(TEACHER, "cross_entropy", "teacher"), (ALONE, "cross_entropy", "student"), (KD, "kd", "student")],
)
def test_the_figures_are_those_of_the_old_record(results: ResultSet, old_key: str, loss: str, role: str) -> None:
    before, after = was(old_key), results.trials[key_of(results, loss, role)]
    assert after.training.model_dump(mode="json") == before["training"]
    # Losses told nothing of themselves then.
    assert [point.model_dump() for point in after.curve] == [{**point, "readings": {}} for point in before["curve"]]
    assert after.model.model_dump() == before["model"]
    assert after.parity.model_dump() == before["parity"]
    told = after.test.model_dump(mode="json", exclude={"most_common"})  # which records did not have then
    assert told | {"cpu_seconds": after.cpu_seconds} == before["test"]
    assert (after.agreement and after.agreement.model_dump()) == before["agreement"]
    assert (after.classes, list(after.record.input_shape)) == (before["classes"], before["input_shape"])
    assert list(after.record.task.inputs[0].mean) == before["input_mean"]
    assert after.record.weights_sha256 == before["model"]["weights_sha256"]
    assert after.machine["versions"] == before["environment"]["versions"]


def test_environments_are_evaluations_under_conditions(results: ResultSet) -> None:
    (noise,) = results.suite.conditions
    assert noise.label == "noise"
    found = [results.evaluation(trial.exported.key, noise) for trial in results.trials.values()]
    bits = {evaluation.predictions.correct_bits for evaluation in found if evaluation}
    files = (OLD / "environments").glob("*.json")
    assert bits == {json.loads(path.read_bytes())["test"]["correct_bits"] for path in files}
    assert len(bits) == 3


def test_a_variant_is_an_artifact_of_its_trial(results: ResultSet) -> None:
    (made,) = results.variants
    (path,) = (OLD / "variants").glob("*.json")
    before = json.loads(path.read_bytes())
    assert (made.trial, made.label) == (key_of(results, "kd"), Int8Static().label)
    assert made.model.model_dump() == before["model"]
    assert (made.drift.largest, made.drift.flips) == (before["largest_drift"], before["flips"])
    assert made.test.model_dump(mode="json", exclude={"most_common"}) == before["test"]


def test_a_metric_is_a_score_of_the_clean_evaluation_and_others_say_why_they_lack_it(results: ResultSet) -> None:
    clean = results.trials[key_of(results, "kd")].exported.clean
    assert (results.scores(clean), clean.missing) == ({"F1": 0.75}, {})
    others = [found for found in results.evaluations.values() if found.key != clean.key]
    assert len(others) == 2 + 3 + 1
    assert all(found.missing == {"macro_f1": carry_over_module.UNSCORED} for found in others)


def test_timings_keep_their_keys_and_name_the_new_trial(results: ResultSet) -> None:
    (latency,) = results.latencies
    (throughput,) = results.throughputs
    assert results.run.latencies == ("05d95fb0d7e7e97e",)
    assert latency.trial in results.trials
    assert throughput.machine["cpu"] == results.run.machine["cpu"]


def test_a_run_keeps_its_rows_and_how_they_ended(results: ResultSet) -> None:
    assert [(e.role, e.loss, e.teaching, e.seed) for e in results.run.entries] == [
        ("teacher", "cross_entropy", "", 0),
        ("student", "cross_entropy", "", 0),
        ("student", "kd", "single", 0),
        ("student", "kd", "single", 1),
    ]
    assert results.run.outcomes[SKIPPED].reason == "it does not fit"  # without a record it keeps its key
    assert results.run.outcomes.keys() == results.trials.keys() | {SKIPPED}
    assert set(results.run.trained) == set(results.trials)


def test_a_report_can_be_made_of_it(results: ResultSet) -> None:
    summary = summarize(results)
    kd = next(row for row in summary.students if row.loss == "kd")
    assert kd.top1.values == (results.trials[key_of(results, "kd")].test.top1,)
    assert [trouble.reason for trouble in summary.trouble] == ["it does not fit"]


def test_instructions_have_their_new_name_where_vnni_is_known(results: ResultSet) -> None:
    assert "avx512_vnni" in results.run.machine["instruction_set"]
    assert carry_over_module._machine({"cpu_flags": ["avx2"]}) == {"cpu_flags": ["avx2"]}


def test_weights_and_files_come_along_where_they_are_there(old: Path, tmp_path: Path) -> None:
    (old / "trials" / KD / "weights.safetensors").write_bytes(b"weights")
    (old / "trials" / KD / "model.onnx").write_bytes(b"network")
    (variant,) = (old / "variants").glob("*.json")
    variant.with_suffix(".onnx").write_bytes(b"in 8 bits")
    carry_over(old, tmp_path / "new")
    store = Store(tmp_path / "new")
    found = load_suite_results(store, "fashion")
    kd = key_of(found, "kd")
    assert store.weights(kd).read_bytes() == b"weights"
    assert store.onnx(found.trials[kd].exported.key).read_bytes() == b"network"
    assert store.onnx(found.variants[0].key).read_bytes() == b"in 8 bits"
    assert not store.is_trained(key_of(found, "cross_entropy"))


def test_what_its_training_did_not_use_is_refused(old: Path, tmp_path: Path) -> None:
    path = old / "trials" / ALONE / "trial.json"
    content = json.loads(path.read_bytes())
    content["trial"]["start"] = was(TEACHER)["trial"]
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match="several teachers or a start"):
        carry_over(old, tmp_path / "new")


def test_folders_that_will_not_do_are_refused(new: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is no results folder"):
        carry_over(tmp_path, tmp_path / "new")
    with pytest.raises(UserError, match="has results already"):
        carry_over(OLD, new)
    with pytest.raises(UserError, match="is not of schema 1"):
        carry_over(new, tmp_path / "newer")
    assert not (tmp_path / "newer").exists()
