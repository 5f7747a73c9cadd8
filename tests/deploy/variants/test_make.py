import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper
from torch import nn

from kdbench.deploy.export.export import export_onnx
from kdbench.deploy.graph.contents import architecture_of
from kdbench.deploy.runtime.session import configure, configure_cpu, open_session, predict
from kdbench.deploy.variants.make import VariantError, drift, make_variant, variant_facts
from kdbench.deploy.variants.quantize import fold
from kdbench.results.machine.processor import instruction_set, int8_saturates
from kdbench.spec import How
from kdbench.spec.variants import Fp16, Fp32, Int8Dynamic, Int8Static, Variant, resolve
from tests.deploy.networks import SHAPE, Mixer, Resnet, cnn, mlp, trained

Images = NDArray[np.float32]
ASKED = (Fp32(), Fp16(), Int8Dynamic(), Int8Static(), Int8Static(calibration="percentile", per_channel=False))
ALL = tuple(resolve(variant, int8_saturates(instruction_set())) for variant in ASKED)  # as this machine makes them
EIGHT_BITS = Int8Static(reduce_range=False)
NETWORKS = {"mlp": mlp, "cnn": cnn, "resnet": Resnet, "mixer": Mixer}


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("exported")
    for name, build in NETWORKS.items():
        export_onnx(trained(build(), seed=1), SHAPE, folder / f"{name}.onnx")
    return {name: folder / f"{name}.onnx" for name in NETWORKS}


def logits(path: Path, images: Images, batch: int = 16) -> Images:
    return predict(open_session(path, configure_cpu()), images, batch)


def label(value: object) -> str | None:
    return getattr(value, "label", None)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("variant", ALL, ids=label)
def test_every_variant_is_a_valid_file_that_computes_nearly_the_same(
    exported: dict[str, Path], network: str, variant: Variant, images: Images, tmp_path: Path
) -> None:
    path = tmp_path / "variant.onnx"
    make_variant(variant, exported[network], path, images)
    onnx.checker.check_model(path, full_check=True)
    session = open_session(path, configure(How(provider="cpu", threads=1, batch=3)))  # by the name of the dimension
    assert [(i.name, i.type, i.shape) for i in session.get_inputs()] == [("images", "tensor(float)", [3, *SHAPE])]
    assert [(o.name, o.type) for o in session.get_outputs()] == [("logits", "tensor(float)")]
    moved = drift(logits(exported[network], images), logits(path, images))
    assert moved.largest <= {"fp32": 0, "fp16": 0.01}.get(variant.use, 0.2)
    assert (moved.largest > 0) == (variant.use != "fp32")
    assert moved.share <= 0.1


@pytest.mark.parametrize("variant", ALL, ids=label)
def test_the_same_input_gives_the_same_bytes_in_any_process(
    exported: dict[str, Path], variant: Variant, images: Images, tmp_path: Path
) -> None:
    np.save(tmp_path / "images.npy", images)
    make_variant(variant, exported["resnet"], tmp_path / "here.onnx", images)
    make_variant(variant, exported["resnet"], tmp_path / "again.onnx", images)
    code = (
        "import sys, numpy as np; from pathlib import Path; from pydantic import TypeAdapter;"
        "from kdbench.deploy.variants.make import make_variant; from kdbench.spec.variants import Variant;"
        "variant, source, folder = TypeAdapter(Variant).validate_json(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]);"
        "make_variant(variant, source, folder / 'there.onnx', np.load(folder / 'images.npy'));"
        "print(*({'torch'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code, variant.model_dump_json(), str(exported["resnet"]), str(tmp_path)]
    done = subprocess.run(command, env={"PYTHONHASHSEED": "7"}, capture_output=True, text=True, check=True)
    assert done.stdout == "\n", "neither words of the quantizer nor torch"
    here = (tmp_path / "here.onnx").read_bytes()
    assert here == (tmp_path / "again.onnx").read_bytes() == (tmp_path / "there.onnx").read_bytes()


@pytest.mark.parametrize("calibration", ["minmax", "entropy", "percentile"])
def test_calibration_knows_no_order(
    exported: dict[str, Path], calibration: str, images: Images, tmp_path: Path
) -> None:
    variant = Int8Static.model_validate({"samples": 8, "calibration": calibration, "reduce_range": False})
    make_variant(variant, exported["mlp"], tmp_path / "a.onnx", images[:8])
    make_variant(variant, exported["mlp"], tmp_path / "b.onnx", images[:8][::-1])
    make_variant(variant, exported["mlp"], tmp_path / "more.onnx", images)  # of which it takes eight
    make_variant(variant, exported["mlp"], tmp_path / "others.onnx", 2 * images[:8])
    a, b, more, others = ((tmp_path / f"{name}.onnx").read_bytes() for name in ("a", "b", "more", "others"))
    assert a == b == more != others


def test_batch_norm_is_folded_and_nothing_else_changes(
    exported: dict[str, Path], images: Images, tmp_path: Path
) -> None:
    folded = fold(exported["resnet"])
    kinds = {node.op_type for node in folded.graph.node}
    assert "BatchNormalization" in {node.op_type for node in onnx.load(exported["resnet"]).graph.node}
    assert "BatchNormalization" not in kinds
    onnx.save(folded, tmp_path / "folded.onnx")
    np.testing.assert_allclose(
        logits(tmp_path / "folded.onnx", images), logits(exported["resnet"], images), rtol=1e-4, atol=1e-4
    )


def weights(path: Path) -> list[NDArray[np.int8]]:
    tensors = onnx.load(path).graph.initializer
    return [onnx.numpy_helper.to_array(t) for t in tensors if t.data_type == TensorProto.INT8 and len(t.dims) > 1]


def test_options_reach_the_weights(exported: dict[str, Path], images: Images, tmp_path: Path) -> None:
    path = tmp_path / "variant.onnx"
    make_variant(EIGHT_BITS, exported["cnn"], path, images)
    conv = next(tensor for tensor in weights(path) if tensor.ndim == 4)
    assert np.abs(conv.astype(int)).max(axis=(1, 2, 3)).tolist() == [127] * len(conv), "every channel has its own scale"
    make_variant(Int8Static(per_channel=False, reduce_range=False), exported["cnn"], path, images)
    conv = next(tensor for tensor in weights(path) if tensor.ndim == 4)
    largest = np.abs(conv.astype(int)).max(axis=(1, 2, 3))
    assert largest.max() == 127
    assert largest.min() < 127
    make_variant(Int8Static(reduce_range=True), exported["cnn"], path, images)
    assert max(np.abs(tensor.astype(int)).max() for tensor in weights(path)) == 64
    make_variant(Int8Dynamic(reduce_range=True), exported["cnn"], path, images)
    assert max(np.abs(tensor.astype(int)).max() for tensor in weights(path)) == 64


def test_dynamic_leaves_convolutions_and_static_leaves_logits(
    exported: dict[str, Path], images: Images, tmp_path: Path
) -> None:
    path = tmp_path / "variant.onnx"
    make_variant(Int8Dynamic(reduce_range=True), exported["cnn"], path, images)
    kinds = [node.op_type for node in onnx.load(path).graph.node]
    assert (kinds.count("Conv"), kinds.count("MatMulInteger"), kinds.count("ConvInteger")) == (1, 1, 0)
    make_variant(Int8Static(reduce_range=True), exported["cnn"], path, images)
    graph = onnx.load(path).graph
    assert next(node.op_type for node in graph.node if "logits" in node.output) == "Gemm"
    assert logits(path, 100 * images).max() > 1.5 * logits(path, images).max(), "not cut off at what calibration saw"


@pytest.mark.parametrize("variant", ALL, ids=label)
def test_nothing_is_printed_logged_or_left_behind(
    exported: dict[str, Path],
    variant: Variant,
    images: Images,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "temporary").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.chdir(tmp_path / "here")
    make_variant(variant, exported["cnn"], tmp_path / "variant.onnx", images)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["here", "temporary", "variant.onnx"]
    assert capfd.readouterr() == ("", "")
    assert not caplog.records
    model = onnx.load(tmp_path / "variant.onnx")
    assert not model.producer_name
    assert not model.metadata_props
    assert variant == Fp32() or not model.graph.value_info
    assert {opset.domain for opset in model.opset_import} == {node.domain for node in model.graph.node}


@pytest.mark.parametrize("variant", ALL, ids=label)
def test_students_of_one_architecture_have_one_graph(variant: Variant, images: Images, tmp_path: Path) -> None:
    found = set()
    for seed in (1, 2):
        facts = export_onnx(trained(Resnet(), seed), SHAPE, tmp_path / "model.onnx")
        make_variant(variant, tmp_path / "model.onnx", tmp_path / "variant.onnx", images)
        found.add(variant_facts(facts, tmp_path / "variant.onnx").architecture)
    assert len(found) == 1
    assert (found == {facts.architecture}) == (variant == Fp32())


def test_the_facts_of_a_variant(images: Images, tmp_path: Path) -> None:
    facts = export_onnx(trained(mlp(), 1), SHAPE, tmp_path / "model.onnx")
    make_variant(Int8Dynamic(reduce_range=True), tmp_path / "model.onnx", tmp_path / "variant.onnx", images)
    got = variant_facts(facts, tmp_path / "variant.onnx")
    assert got.onnx_bytes == (tmp_path / "variant.onnx").stat().st_size < facts.onnx_bytes / 2
    assert got.operators["MatMulInteger"] == 2
    assert got.architecture == architecture_of(onnx.load(tmp_path / "variant.onnx"))
    assert got.onnx_sha256 != facts.onnx_sha256
    assert (got.parameters, got.flops, got.weights_sha256) == (facts.parameters, facts.flops, facts.weights_sha256)


class OnlyPools(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(nn.AdaptiveAvgPool2d(1), nn.Flatten())


@pytest.mark.parametrize(
    ("build", "variant", "message"),
    [
        (OnlyPools, Int8Dynamic(reduce_range=False), "no int8_dynamic: it has no linear layer to quantize"),
        (OnlyPools, EIGHT_BITS, "no int8_static: it has no layer with weights to quantize"),
        (mlp, Int8Static(), "no int8_static: whether its weights take 7 bits is left open: resolve it for a processor"),
    ],
)
def test_what_cannot_be_quantized_is_refused(
    build: Callable[[], nn.Module], variant: Variant, message: str, images: Images, tmp_path: Path
) -> None:
    export_onnx(build(), SHAPE, tmp_path / "model.onnx")
    with pytest.raises(VariantError, match=f"^{message}$"):
        make_variant(variant, tmp_path / "model.onnx", tmp_path / "variant.onnx", images)
    assert not (tmp_path / "variant.onnx").exists()


def test_images_that_cannot_calibrate_are_refused(exported: dict[str, Path], images: Images, tmp_path: Path) -> None:
    broken = images.copy()
    broken[3] = np.nan
    for wrong, message in ((broken, "'images' is not finite"), (images[:0], "no images to calibrate with")):
        with pytest.raises(VariantError, match=message):
            make_variant(EIGHT_BITS, exported["mlp"], tmp_path / "variant.onnx", wrong)


def test_a_graph_whose_input_is_its_output_nearly(tmp_path: Path, images: Images) -> None:
    """Relu is dropped by the quantizer, and then the input's own rounding stands before the output."""
    node = helper.make_node("Relu", ["images"], ["logits"])
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *SHAPE]) for name in ("images", "logits")]
    graph = helper.make_graph([node], "main", ends[:1], ends[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), tmp_path / "m.onnx")
    with pytest.raises(VariantError, match="no layer with weights"):
        make_variant(EIGHT_BITS, tmp_path / "m.onnx", tmp_path / "variant.onnx", images)


def test_drift_by_hand() -> None:
    reference = np.array([[0, 2], [4, 2]], dtype=np.float32)  # mean 2, SD sqrt(8 / 4) = 1.414
    got = np.array([[0, 1], [1, 2]], dtype=np.float32)  # differs by 3 at most; the second sample's top-1 flips
    moved = drift(reference, got)
    assert moved.largest == pytest.approx(3 / 2**0.5)
    assert (moved.flips, moved.share) == (1, 0.5)


def test_drift_of_what_cannot_be_compared() -> None:
    some = np.array([[0, 2], [4, 2]], dtype=np.float32)
    for wrong, message in ((some[:1], "of shape"), (some * np.float32(np.nan), "not finite")):
        with pytest.raises(VariantError, match=message):
            drift(some, wrong)
    with pytest.raises(VariantError, match="all the same"):
        drift(np.ones_like(some), some)
