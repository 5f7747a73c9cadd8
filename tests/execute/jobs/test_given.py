"""Teachers that bring their weights: a file that cannot teach is refused, and one that knows nothing has failed."""

from pathlib import Path

import onnx
import pytest
from torch import nn

from kdbench.execute.jobs.given import refuse_bad_files, why_useless
from kdbench.results import CurvePoint
from kdbench.spec import Trial, UserError
from kdbench.train.ended import Trained
from tests.records import make_results
from tests.small import random_splits, small_trial
from tests.zoo.given.onnx_files import SHAPE, linear, random_weight

COST = next(iter(make_results().records.values())).training
SPLITS = random_splits(classes=4)  # 40 validation samples


def teacher(file: Path) -> Trial:
    return small_trial(model="onnx", train={"epochs": 0}, weights={"file": str(file), "sha256": "0" * 64})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (linear(random_weight(4), batch=1), "takes a batch of 1 alone"),
        (linear(random_weight(7)), "gives 7 classes, and the dataset has 4"),
        (linear(random_weight(4), softmax=True), "gives probabilities, and losses compare logits"),
        (linear(random_weight(4, 16), shape=(1, 4, 4)), "takes images of 1x4x4, and the data has 1x8x8"),
        (b"no ONNX file", "is not an ONNX file"),
    ],
)
def test_a_file_that_cannot_teach_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "t.onnx").write_bytes(content)
    with pytest.raises(UserError) as caught:
        refuse_bad_files([small_trial(), teacher(tmp_path / "t.onnx")], SPLITS)
    (problem,) = caught.value.problems
    assert said in problem.what
    assert problem.help


def test_a_file_that_keeps_its_weights_in_another_is_refused(tmp_path: Path) -> None:
    model = onnx.load_model_from_string(linear(random_weight(4)))
    onnx.save_model(model, tmp_path / "t.onnx", save_as_external_data=True, location="t.bin", size_threshold=0)
    with pytest.raises(UserError, match="keeps its weights in other files"):
        refuse_bad_files([teacher(tmp_path / "t.onnx")], SPLITS)


def test_a_file_whose_logits_depend_on_chance_is_refused(tmp_path: Path) -> None:
    model = onnx.load_model_from_string(linear(random_weight(4)))
    model.graph.node[-1].output[0] = "exact"
    model.graph.node.append(onnx.helper.make_node("RandomNormalLike", ["exact"], ["noise"]))
    model.graph.node.append(onnx.helper.make_node("Add", ["exact", "noise"], ["y"]))
    onnx.save_model(model, tmp_path / "t.onnx")
    with pytest.raises(UserError, match="depend on chance, and a teacher is asked once"):
        refuse_bad_files([teacher(tmp_path / "t.onnx")], SPLITS)


def test_a_sound_file_passes(tmp_path: Path) -> None:
    assert SPLITS.shape == SHAPE
    (tmp_path / "t.onnx").write_bytes(linear(random_weight(4)))
    refuse_bad_files([teacher(tmp_path / "t.onnx")], SPLITS)


def measured(trial: Trial, top1: float) -> Trained:
    point = CurvePoint(epoch=0, samples=0, train_loss=None, validation_loss=1.0, validation_top1=top1)
    return Trained(trial, nn.Identity(), (point,), 0, "epochs", COST)


def test_a_teacher_at_chance_has_failed() -> None:
    # Of 40 samples the largest class has 15: chance is right in .375, give or take .0765; three of these make .6046.
    brought = teacher(Path("t.onnx"))
    assert "'t.onnx' reach 60.00 % on validation, where chance is 37.5 %" in why_useless(measured(brought, 0.6), SPLITS)
    assert why_useless(measured(brought, 0.625), SPLITS) == ""
    assert why_useless(measured(small_trial(), 0.25), SPLITS) == "", "one that is trained here is told by its figures"
