"""Files that a user brings: what is refused, what they score, and what they are timed against."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import psutil
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from kdbench import api
from kdbench.deploy.export.export import export_onnx
from kdbench.execute.measure import measure_files
from kdbench.results import Store, load_suite_results
from kdbench.results.measurement import Measurement
from kdbench.results.timings import slice_p50s
from kdbench.spec import DataSpec, LatencySpec, UserError
from kdbench.statistics.ratios import estimate_ratio
from kdbench.zoo.datasets.digits import digits
from kdbench.zoo.datasets.splits import split
from tests.execute.running import place, run
from tests.small import small_suite

UNTIMED = LatencySpec(batch_sizes=(), largest_batch=1)
DIGITS = DataSpec.model_validate("digits")


def save(
    path: Path, shape: Sequence[int | str] = ("N", 1, 8, 8), *, classes: int = 10, scale: float = 1, shift: float = 0
) -> Path:
    """The mean of ((image - shift) / scale) over its pixels, times a row of weights that differ, plus a bias."""
    weight = np.linspace(-1, 1, classes, dtype=np.float32)[None]
    tensors = {
        "shift": np.float32(shift),
        "scale": np.float32(scale),
        "axes": np.array([1, 2, 3], dtype=np.int64),
        "one": np.array([1], dtype=np.int64),
        "weight": weight,
        "bias": -(weight**2) / 2,
    }
    nodes = [
        helper.make_node("Sub", ["pixels", "shift"], ["moved"]),
        helper.make_node("Div", ["moved", "scale"], ["scaled"]),
        helper.make_node("ReduceMean", ["scaled", "axes"], ["means"], keepdims=0),
        helper.make_node("Unsqueeze", ["means", "one"], ["column"]),
        helper.make_node("Gemm", ["column", "weight", "bias"], ["y"]),
    ]
    ends = (
        helper.make_tensor_value_info("pixels", TensorProto.FLOAT, list(shape)),
        helper.make_tensor_value_info("y", TensorProto.FLOAT, [shape[0], classes]),
    )
    initial = [numpy_helper.from_array(np.asarray(array), name) for name, array in tensors.items()]
    graph = helper.make_graph(nodes, "main", [ends[0]], [ends[1]], initial)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    return path


def measure(root: Path, files: Sequence[Path], asked: LatencySpec = UNTIMED, **how: object) -> Measurement:
    return api.drain(measure_files(files, asked, place(root), **how))  # type: ignore[arg-type]


def refuse(root: Path, files: Sequence[Path], asked: LatencySpec = UNTIMED, **how: object) -> str:
    with pytest.raises(UserError) as caught:
        measure(root, files, asked, **how)
    assert "\n  help: " in str(caught.value)
    return str(caught.value)


def test_accuracy_is_that_of_the_trials_own_record(tmp_path: Path) -> None:
    record, _ = run(small_suite(seeds=1, losses=["cross_entropy"], latency={"batch_sizes": []}), place(tmp_path))
    key = record.trained[-1]
    own = load_suite_results(Store(tmp_path), "small").trials[key]
    copy = shutil.copy(Store(tmp_path).onnx(own.exported.key), tmp_path / "größe mit platz.onnx")
    (model,) = measure(tmp_path / "measured", [Path(copy)], data=DIGITS).models
    assert model.test is not None
    assert model.test.correct_bits == own.test.correct_bits
    assert (model.test.loss, model.test.brier) == (own.test.loss, own.test.brier)
    facts = own.model
    assert (model.parameters, model.flops, model.onnx_bytes) == (facts.parameters, facts.flops, facts.onnx_bytes)


@pytest.mark.parametrize(("scale", "unit"), [("standard", 1), ("unit", 255), ("raw", 1)])
def test_pixels_come_as_the_model_wants_them(scale: str, unit: int, tmp_path: Path) -> None:
    # The model normalizes what it is given by a shift of 5 and a scale of 6 ink values (of 0 to 16); what it then says
    # of the stored images follows by hand. Standardized images it must leave alone.
    splits = split(digits(tmp_path), DIGITS)
    stored = splits.test.images[:].double()
    shift, spread = (splits.mean.item(), splits.std.item()) if scale == "standard" else (5.0, 6.0)
    alone = scale == "standard"
    file = save(tmp_path / "m.onnx", shift=0 if alone else shift / unit, scale=1 if alone else spread / unit)
    (model,) = measure(tmp_path / "measured", [file], data=DIGITS, scale=scale).models
    row = torch.linspace(-1, 1, 10, dtype=torch.float64)
    logits = ((stored - shift) / spread).mean(dim=(1, 2, 3))[:, None] * row - row**2 / 2
    assert model.test is not None
    assert model.test.top1 == pytest.approx((logits.argmax(1) == splits.test.labels).double().mean().item(), abs=0.003)
    expected = nn.functional.cross_entropy(logits, splits.test.labels).item()
    assert model.test.loss == pytest.approx(expected, rel=1e-4)


def test_a_fixed_batch_changes_no_prediction(tmp_path: Path) -> None:
    files = [save(tmp_path / "any.onnx"), save(tmp_path / "four.onnx", (4, 1, 8, 8))]
    found = measure(tmp_path / "measured", files, data=DIGITS)  # 359 samples: the last batch is filled up
    first, second = (model.test for model in found.models)
    assert first is not None
    assert second is not None
    assert first.correct_bits == second.correct_bits
    assert found.latency["batch_sizes"] == [4]
    assert "exported for a batch of 4" in found.models[1].notes[0]


def test_a_model_that_looks_at_the_whole_batch_is_given_samples_one_by_one(tmp_path: Path) -> None:
    """Less the mean of the batch nothing is left of a sample alone, and only the bias speaks: for class 3."""
    model = onnx.load(save(tmp_path / "m.onnx"))
    nodes, tensors = model.graph.node, {tensor.name: tensor for tensor in model.graph.initializer}
    at = next(at for at, node in enumerate(nodes) if node.op_type == "Unsqueeze")
    nodes[at].input[0] = "centred"
    nodes.insert(at, helper.make_node("Sub", ["means", "all"], ["centred"]))
    nodes.insert(at, helper.make_node("ReduceMean", ["means"], ["all"]))
    tensors["bias"].CopyFrom(numpy_helper.from_array(np.eye(10, dtype=np.float32)[3:4], "bias"))
    onnx.save(model, tmp_path / "m.onnx")
    (found,) = measure(tmp_path / "measured", [tmp_path / "m.onnx"], data=DIGITS).models
    labels = split(digits(tmp_path), DIGITS).test.labels
    assert found.test is not None
    assert found.test.top1 == pytest.approx((labels == 3).double().mean().item())
    assert "depend on the rest of the batch: its accuracy is of samples one by one" in found.notes[0]


def test_logits_that_are_not_finite_are_told_by_file(tmp_path: Path) -> None:
    files = [save(tmp_path / "sound.onnx"), save(tmp_path / "broken.onnx", scale=0)]
    text = refuse(tmp_path, files, data=DIGITS)
    assert "broken.onnx' could not be evaluated: ValueError: logits must be finite" in text
    assert "division by zero" in text


def test_data_that_does_not_fit(tmp_path: Path) -> None:
    assert "tells 7 classes apart, and the data has 10" in refuse(
        tmp_path, [save(tmp_path / "seven.onnx", classes=7)], data=DIGITS
    )
    assert "takes images of 3x8x8, and the data has 1x8x8" in refuse(
        tmp_path, [save(tmp_path / "rgb.onnx", ("N", 3, 8, 8))], data=DIGITS
    )


def test_sizes_of_images(tmp_path: Path) -> None:
    small, large = save(tmp_path / "small.onnx"), save(tmp_path / "large.onnx", ("N", 1, 16, 16))
    free = save(tmp_path / "free.onnx", ("N", 1, "H", "W"))
    text = refuse(tmp_path, [free, small, large])
    assert "several sizes" in text
    assert "free.onnx' 1xanyxany" in text
    assert "large.onnx' 1x16x16" in text
    assert "take images of 1xanyxany, so the size must be given\n  help: write --shape 1x224x224" in refuse(
        tmp_path, [free]
    )
    assert "small.onnx' takes images of 1x8x8, and --shape asks for 1x9x9" in refuse(
        tmp_path, [free, small], shape=(1, 9, 9)
    )
    assert not any(model.notes for model in measure(tmp_path, [free, large]).models)  # run, on the size of the other


def test_flops_of_a_model_for_any_size_are_those_of_the_size_given(tmp_path: Path) -> None:
    pool = helper.make_node("GlobalAveragePool", ["mapped"], ["pooled"])
    nodes = [
        helper.make_node("Conv", ["x", "kernel"], ["mapped"]),
        pool,
        helper.make_node("Flatten", ["pooled"], ["y"]),
    ]
    kernel = numpy_helper.from_array(np.ones((2, 3, 1, 1), dtype=np.float32), "kernel")
    source = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, "H", "W"])
    target = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 2])
    graph = helper.make_graph(nodes, "main", [source], [target], [kernel])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), tmp_path / "c.onnx")
    (model,) = measure(tmp_path / "measured", [tmp_path / "c.onnx"], shape=(3, 5, 7)).models
    assert model.flops == 2 * (3 * 2) * (5 * 7)


def test_batches_that_contradict_each_other(tmp_path: Path) -> None:
    files = [save(tmp_path / f"{batch}.onnx", (batch, 1, 8, 8)) for batch in (1, 4)]
    assert "exported for different batch sizes" in refuse(tmp_path, files)


@pytest.mark.parametrize("option", ["batch", "largest-batch"])
def test_batches_that_do_not_fit_into_memory(option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=2**30))
    asked = LatencySpec(batch_sizes=(2**16,)) if option == "batch" else LatencySpec(largest_batch=2**16)
    text = refuse(tmp_path, [save(tmp_path / "m.onnx", ("N", 1, 512, 512))], asked)
    # 2^16 images of 2^18 values of 12 bytes, which are 3 x 2^20 bytes an image
    assert f"--{option} 65536: so many images of 1x512x512 take 192.0 GiB, and 1.0 GiB are free" in text
    assert "allowed here are at most 341" in text


def test_what_this_machine_lacks_is_told_and_no_error(tmp_path: Path) -> None:
    asked = LatencySpec(batch_sizes=(1,), threads=(4096,), largest_batch=1)
    found = measure(tmp_path, [save(tmp_path / "a.onnx"), save(tmp_path / "b.onnx", classes=3)], asked)
    assert [missing.architecture for missing in found.not_measured] == [model.name for model in found.models]
    assert "4096 threads were asked for" in found.not_measured[0].reason
    assert found.latencies == ()


class Deep(nn.Module):
    """Equal layers: twice as many are twice the work."""

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(64, 64) for _ in range(layers))

    def forward(self, images: Tensor) -> Tensor:
        features = images.flatten(1)
        for layer in self.layers:
            features = torch.relu(layer(features))
        return features


@pytest.mark.alone
def test_a_copy_ties_and_twice_the_layers_are_slower(tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.onnx" for name in ("first", "copy", "twice")]
    export_onnx(Deep(20), (1, 8, 8), paths[0])
    shutil.copy(paths[0], paths[1])
    export_onnx(Deep(40), (1, 8, 8), paths[2])
    found = measure(tmp_path, paths, LatencySpec(batch_sizes=(1,), margin=1.0, largest_batch=1))
    assert [record.kind for record in found.latencies] == ["noise", "latency", "latency"]
    assert [record.architecture for record in found.latencies] == [str(path) for path in paths]
    copy, twice = (estimate_ratio(slice_p50s(record.sessions)) for record in found.latencies[1:])
    assert copy is not None
    assert twice is not None
    assert 0.7 < copy.estimate < 1.4
    assert twice.low > 1
    assert 1.4 < twice.estimate < 2.8
