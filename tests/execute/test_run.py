"""A suite run for real, small: what is trained, what is kept, what is told."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import kdbench
from kdbench import api
from kdbench.execute.events import LatencyMeasured, Noted, Planned, RunEvent, TrialEnded
from kdbench.results import Store, load_suite_results
from kdbench.spec import UserError
from tests.execute.running import place, run
from tests.results.machine.machines import ALDER_LAKE, ZEN4, linux
from tests.small import small_suite

pytestmark = pytest.mark.usefixtures("short_rounds")
SMALL = """
name = "small"
data = "digits"
seeds = 1
losses = ["kd"]
conditions = []
train = { epochs = 1, batch_size = 64 }
budget = { by = "epochs" }
latency = { batch_sizes = [1], margin = 10.0, largest_batch = 1 }
[[pairs]]
teacher = { use = "mlp", hidden = [32] }
student = { use = "mlp", hidden = [8] }
"""
UNTIMED = {"latency": {"batch_sizes": []}}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, short_rounds: None) -> Path:
    """A store with the small suite run in it."""
    root = tmp_path_factory.mktemp("results")
    run(small_suite(), place(root))
    return root


@pytest.fixture
def copy(done: Path, tmp_path: Path) -> Iterator[Path]:
    return Path(shutil.copytree(done, tmp_path / "results"))


def test_everything_is_recorded(done: Path) -> None:
    results = load_suite_results(Store(done), "small")
    assert {outcome.status for outcome in results.run.outcomes.values()} == {"done"}
    assert len(results.trials) == 5  # one teacher, two losses x two seeds
    # Two architectures, one batch size, shared by all students; and one student of the second loss against the first.
    assert [record.kind for record in results.latencies] == ["noise", "latency", "tie"]
    for key, record in results.trials.items():
        assert record.key == key
        assert record.test.samples == 359
        assert record.test.top1 > 0.15  # two epochs teach something: chance is 0.1
        assert record.parity.max_difference <= record.parity.tolerance
        assert record.machine["versions"]
        store = Store(done)
        assert {path.name for path in store.trial_folder(key).iterdir()} == {"trial.json", "weights.safetensors"}
        assert {path.name for path in store.artifact_folder(record.exported.key).iterdir()} == {
            "artifact.json",
            "model.onnx",
        }
    students = [results.trials[e.key] for e in results.run.entries if e.role == "student"]
    assert len({record.model.architecture for record in students}) == 1
    assert {record.model.parameters for record in students} == {64 * 8 + 8 + 8 * 10 + 10}


def test_no_draft_is_left_behind(done: Path) -> None:
    assert not list(done.rglob(".*"))


def test_a_data_frame_has_a_row_for_every_entry(done: Path) -> None:
    frame = kdbench.load(done)
    assert len(frame) == 5
    assert set(frame["row"]) == {"teacher", "cross_entropy", "kd"}
    assert frame["top1"].between(0.15, 1).all()


def test_running_again_trains_nothing_and_writes_nothing(copy: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in copy.rglob("*")}
    record, heard = run(small_suite(), place(copy))
    assert record.trained == load_suite_results(Store(copy), "small").run.trained  # the earlier record stands
    assert not [m for m in heard if isinstance(m, TrialEnded)]
    assert before == {path: path.stat().st_mtime_ns for path in copy.rglob("*")}


def test_a_new_seed_or_loss_trains_only_what_is_new(copy: Path) -> None:
    record, _ = run(small_suite(seeds=3, losses=["cross_entropy", "kd", "logit_mse"]), place(copy))
    new = {(e.loss, e.seed) for e in record.entries if e.key in record.trained}
    assert new == {("cross_entropy", 2), ("kd", 2), ("logit_mse", 0), ("logit_mse", 1), ("logit_mse", 2)}


def test_a_teacher_is_shared_between_suites(copy: Path) -> None:
    record, _ = run(small_suite(name="other", losses=["pseudo_label"]), place(copy))
    assert {e.loss for e in record.entries if e.key in record.trained} == {"pseudo_label"}


def test_grouping_and_place_do_not_change_the_numbers(done: Path, tmp_path: Path) -> None:
    where = api.place(tmp_path, workers=2)
    with where:
        run(small_suite(**UNTIMED), where)
    elsewhere = load_suite_results(Store(tmp_path), "small")
    for record in load_suite_results(Store(done), "small").trials.values():
        other = elsewhere.trials[record.key]
        assert other.record.weights_sha256 == record.record.weights_sha256
        assert other.model.onnx_sha256 == record.model.onnx_sha256
        assert other.test.correct_bits == record.test.correct_bits


def test_records_without_weights_are_trained_anew(copy: Path) -> None:
    teacher = next(e.key for e in load_suite_results(Store(copy), "small").run.entries if e.role == "teacher")
    (Store(copy).trial_folder(teacher) / "weights.safetensors").unlink()
    record, _ = run(small_suite(), place(copy))
    assert record.trained == (teacher,)


def test_a_loss_that_does_not_fit_is_skipped_and_told(copy: Path) -> None:
    suite = small_suite(losses=["cross_entropy", "overhaul"])  # there is no batch norm to take its margins from
    record, heard = run(suite, place(copy))
    skipped = [outcome for outcome in record.outcomes.values() if outcome.status == "skipped"]
    assert len(skipped) == 2
    assert "batch norm" in (skipped[0].reason or "")
    assert sum(isinstance(m, TrialEnded) and m.status == "skipped" for m in heard) == 2
    assert record.latencies


def test_what_cannot_run_is_found_in_rehearsal_and_remembered(copy: Path) -> None:
    # Noise is for normalized images: as augmentation of raw ones it cannot serve, which only a call can tell.
    suite = small_suite(train={"epochs": 2, "batch_size": 64, "augment": ["gaussian_noise"]})
    record, _ = run(suite, place(copy))
    assert {outcome.status for outcome in record.outcomes.values()} == {"skipped"}
    _, heard = run(suite, place(copy))
    assert heard == []


def test_a_record_that_was_removed_is_measured_again(copy: Path) -> None:
    key = load_suite_results(Store(copy), "small").run.entries[-1].key
    (Store(copy).trial_folder(key) / Store.TRIAL).unlink()
    record, _ = run(small_suite(), place(copy))
    assert record.trained == (key,)


def test_edited_plugin_code_is_another_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    keys = []
    for factor in (1, 2):
        (tmp_path / "mine.py").write_text(f"def loss(student, labels):\n    return {factor} * student.logits.sum()\n")
        keys.append(set(api.plan(small_suite(losses=["mine:loss"]), ["mine"]).trials))
        (tmp_path / "mine.py").unlink()
    assert len(keys[0] & keys[1]) == 1  # the teacher


def test_a_trial_that_fails_leaves_the_others_running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wild.py").write_text(
        "from torch import Tensor\n"
        "def nan(student, labels, *, power: float = 1.0) -> Tensor:\n"
        "    return student.logits.sum() * float('nan')\n"
        "def broken(student, teacher, labels) -> Tensor:\n"
        "    raise RuntimeError('as broken as can be')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    suite = small_suite(losses=["kd", "wild:nan", "wild:broken"], seeds=1, **UNTIMED)
    record, _ = run(suite, place(tmp_path / "results", plugins=("wild",)))
    by_loss = {e.loss: record.outcomes[e.key] for e in record.entries if e.role == "student"}
    assert by_loss["kd"].status == "done"
    assert by_loss["wild:nan"].status == "failed"
    assert "diverged" in (by_loss["wild:nan"].reason or "")
    assert by_loss["wild:broken"].status == "failed"
    assert by_loss["wild:broken"].reason == "RuntimeError: as broken as can be"


def test_what_diverged_is_not_trained_again_but_where_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "wild.py").write_text("def nan(student, labels):\n    return student.logits.sum() * float('nan')\n")
    monkeypatch.syspath_prepend(tmp_path)
    suite = small_suite(losses=["wild:nan"], seeds=1, **UNTIMED)
    where = place(tmp_path / "results", plugins=("wild",))
    first, _ = run(suite, where)
    (key,) = first.failed
    assert "diverged" in (first.outcomes[key].reason or "")
    again, heard = run(suite, where)
    assert again == first
    assert not [event for event in heard if isinstance(event, TrialEnded)]
    _, heard = run(suite, where, retry=True)
    assert [event.key for event in heard if isinstance(event, TrialEnded)] == [key]


def test_where_nothing_is_trained_there_is_nothing_to_report(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no trial of 'small' is trained in"):
        run(small_suite(), place(tmp_path / "results"), train_more=False)
    assert not (tmp_path / "results").exists()


def test_what_is_trained_is_reported_without_training_more(copy: Path) -> None:
    more = small_suite(name="small@trained", seeds=3)
    record, heard = run(more, place(copy), train_more=False)
    assert not [event for event in heard if isinstance(event, TrialEnded)]
    lacking = {key: outcome for key, outcome in record.outcomes.items() if outcome.status != "done"}
    assert {(e.loss, e.seed) for e in record.entries if e.key in lacking} == {("cross_entropy", 2), ("kd", 2)}
    assert {outcome.reason for outcome in lacking.values()} == {"not trained yet"}
    found = load_suite_results(Store(copy), "small@trained")
    assert len(found.trials) == 5
    assert len(run(more, place(copy))[0].trained) == 2  # nothing is remembered of what was not tried


def test_a_failed_teacher_fails_its_students_with_the_reason(tmp_path: Path) -> None:
    hopeless = {"epochs": 1, "batch_size": 64, "optimizer": {"use": "sgd", "lr": 1e30}}
    record, _ = run(small_suite(teacher_train=hopeless, seeds=1, **UNTIMED), place(tmp_path))
    outcomes = {e.loss if e.role == "student" else "teacher": record.outcomes[e.key] for e in record.entries}
    assert outcomes["teacher"].status == outcomes["kd"].status == "failed"
    assert "its teacher mlp" in (outcomes["kd"].reason or "")
    assert "diverged" in (outcomes["kd"].reason or "")
    assert outcomes["cross_entropy"].status == "done"


def test_a_provider_that_is_not_there_is_recorded(copy: Path) -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this machine has CUDA")
    before = load_suite_results(Store(copy), "small").run.latencies
    ways = {"providers": ["cuda", "cpu"], "batch_sizes": [1], "margin": 10.0, "largest_batch": 1}
    record, heard = run(small_suite(latency=ways), place(copy))
    assert [missing.how.provider for missing in record.not_measured] == ["cuda", "cuda"]
    assert "CUDAExecutionProvider" in record.not_measured[0].reason
    assert record.latencies == before  # what can be timed is there, ties included
    assert not [message for message in heard if isinstance(message, LatencyMeasured)]


def test_data_that_is_not_there_is_refused_before_any_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.socket.connect", lambda *_: (_ for _ in ()).throw(OSError("no network in this test")))
    with pytest.raises(UserError, match="MNIST is not in"):
        run(small_suite(data="mnist"), place(tmp_path))
    assert not list(tmp_path.rglob("trial.json"))


def test_an_unwritable_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="cannot write to the results folder"):
        run(small_suite(), place(tmp_path / "file"))


def test_a_damaged_record_is_named(copy: Path) -> None:
    path = next(copy.glob("trials/*/trial.json"))
    path.write_text(json.dumps({**json.loads(path.read_text()), "key": 7}))
    with pytest.raises(UserError, match="is damaged: key: "):
        load_suite_results(Store(copy), "small")


def test_the_python_interface(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    suite = tmp_path / "small.toml"
    suite.write_text(SMALL)
    results = kdbench.run(suite, place(tmp_path))
    assert results.records.latencies
    assert results.frame()["row"].tolist() == ["teacher", "kd"]
    assert "[1/2] teacher" in capsys.readouterr().err, "progress is shown"
    heard: list[RunEvent] = []
    again = kdbench.run(suite, place(tmp_path), heard.append)
    assert again.records.run == results.records.run
    assert any(isinstance(event, Planned) for event in heard)
    assert capsys.readouterr().err == "", "it is told to the listener instead"
    html, markdown = kdbench.render(results, tmp_path / "reports")
    assert html.is_file()
    assert markdown.is_file()


@pytest.mark.parametrize(("cpuinfo", "slow"), [(ALDER_LAKE, True), (ZEN4, False), (None, False)])
def test_bfloat16_without_instructions_for_it_is_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cpuinfo: str | None, slow: bool
) -> None:
    linux(monkeypatch, cpuinfo)
    train = {"epochs": 1, "batch_size": 64, "precision": "bfloat16"}
    where = place(tmp_path)
    record, _ = run(small_suite(train=train, losses=["cross_entropy"], seeds=1, **UNTIMED), where)
    assert any("no instructions for bfloat16" in note for note in record.notes) == slow
    again, _ = run(small_suite(train=train, losses=["cross_entropy"], seeds=1, **UNTIMED), where)
    assert again == record, "what is trained already is not noted again"


def test_an_option_without_effect_is_noted_and_makes_no_new_record(tmp_path: Path) -> None:
    suite = small_suite(train={"epochs": 1, "views": "shared"}, losses=["cross_entropy"], seeds=1, **UNTIMED)
    record, heard = run(suite, place(tmp_path))
    note = 'views = "shared": without augment and mixup every epoch of every seed shows the same images'
    assert record.notes == (note,)
    assert isinstance(heard[0], Noted), "it is told before anything is trained"
    again, _ = run(suite, place(tmp_path))
    assert again == record


def test_data_that_has_changed_since_is_refused(copy: Path) -> None:
    """Under the same name: the accuracies of new trials could not be compared with the recorded ones."""
    for path in (copy / "trials").glob("*/trial.json"):
        record = json.loads(path.read_text("utf-8"))
        path.write_text(json.dumps({**record, "data_sha256": "f" * 64}), "utf-8")
    trained = set((copy / "trials").iterdir())
    with pytest.raises(UserError, match="the data of 'digits' has changed since the trials in") as told:
        run(small_suite(losses=["cross_entropy", "kd", "logit_mse"]), place(copy))
    assert told.value.problems[0].help == "bring the data back, or train anew in another folder with --results"
    assert set((copy / "trials").iterdir()) == trained
    with pytest.raises(UserError, match="the data of 'digits' has changed"):  # nothing is trained, but evaluated
        run(small_suite(conditions=["gaussian_noise"]), place(copy))
