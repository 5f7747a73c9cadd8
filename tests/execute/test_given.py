"""Teachers that people have, run for real: from a file of weights, and as an ONNX file."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from kdbench import api
from kdbench.results import ResultSet, Store, load_suite_results
from kdbench.spec import Entry, UserError
from tests.execute.running import place, run
from tests.small import small_suite

UNTIMED = {"latency": {"batch_sizes": []}, "seeds": 1}
STUDENT = {"use": "mlp", "hidden": [8]}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store in which the teacher was trained."""
    root = tmp_path_factory.mktemp("trained")
    run(small_suite(**UNTIMED), place(root))
    return root


def teacher_of(results: ResultSet) -> Entry:
    return next(entry for entry in results.run.entries if entry.role == "teacher")


def taught(root: Path, teacher: dict[str, object], **changes: object) -> ResultSet:
    pair = {"teacher": teacher, "student": STUDENT}
    run(small_suite(**UNTIMED, name="given", pairs=[pair], **changes), place(root))
    return load_suite_results(Store(root), "given")


def files(trained: Path) -> tuple[Path, Path, ResultSet]:
    """The weights of the teacher that was trained, its ONNX file, and the run."""
    results = load_suite_results(Store(trained), "small")
    key = teacher_of(results).key
    return Store(trained).weights(key), Store(trained).onnx(results.trials[key].exported.key), results


def test_weights_from_a_file_teach_as_the_teacher_they_are_of(trained: Path, tmp_path: Path) -> None:
    weights, _, before = files(trained)
    torch.save({"model": load_file(weights)}, tmp_path / "teacher.pth")
    after = taught(tmp_path, {"use": "mlp", "hidden": [32], "weights": str(tmp_path / "teacher.pth")})
    (old, new) = (found.trials[teacher_of(found).key] for found in (before, after))
    assert new.test.correct_bits == old.test.correct_bits, "its accuracy is measured again"
    assert new.record.validation_top1 == old.record.validation_top1
    assert new.training.steps == 0
    students = [
        next(found.records[entry.key].weights_sha256 for entry in found.run.entries if entry.loss == "kd")
        for found in (before, after)
    ]
    assert students[0] == students[1], "bit for bit"


def test_a_teacher_may_be_trained_further(trained: Path, tmp_path: Path) -> None:
    weights, _, before = files(trained)
    tuned = {"file": str(weights), "tune": True}
    after = taught(tmp_path, {"use": "mlp", "hidden": [32], "weights": tuned}, losses=["kd"])
    (old, new) = (found.trials[teacher_of(found).key] for found in (before, after))
    assert new.training.steps == old.training.steps > 0
    assert new.curve[0].validation_top1 == old.record.validation_top1, "it begins where the other ended"
    assert new.curve[-1].validation_loss < old.curve[-1].validation_loss


def test_an_onnx_file_teaches_losses_on_logits(trained: Path, tmp_path: Path) -> None:
    _, onnx, before = files(trained)
    after = taught(tmp_path, {"use": "onnx", "weights": str(onnx)}, losses=["kd", "fitnet"])
    teacher = after.trials[teacher_of(after).key]
    assert teacher.test.correct_bits == before.trials[teacher_of(before).key].test.correct_bits
    assert teacher.model.parameters == before.trials[teacher_of(before).key].model.parameters
    outcomes = {entry.loss: after.run.outcomes[entry.key] for entry in after.run.entries if entry.role == "student"}
    assert outcomes["kd"].status == "done"
    assert "of a network from a file only the logits can be read" in (outcomes["fitnet"].reason or "")
    for page in api.render(api.Results(after), tmp_path / "reports"):
        assert "onnx(weights=model.onnx)" in page.read_text("utf-8")


def test_weights_of_another_network_stop_the_run_before_any_training(trained: Path, tmp_path: Path) -> None:
    weights, _, _ = files(trained)
    with pytest.raises(UserError, match="are of another network"):
        taught(tmp_path, {"use": "mlp", "hidden": [16], "weights": str(weights)})
    assert not (tmp_path / "trials").exists()
