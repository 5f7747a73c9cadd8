import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from torch import nn

from kdbench.deploy.export import export
from kdbench.deploy.export.export import ExportError, build_graph, export_onnx, hash_weights
from kdbench.deploy.export.frozen import frozen_copy
from kdbench.deploy.export.parity import check_parity
from kdbench.deploy.graph.contents import architecture_of, operators_of
from kdbench.deploy.runtime.session import configure_cpu, open_session, predict
from tests.deploy.networks import SHAPE, Mixer, Resnet, cnn, mlp, trained

KINDS = [mlp, cnn, Resnet, Mixer]


def logits_of(path, images):
    return predict(open_session(path, configure_cpu()), images, 64)


@pytest.mark.parametrize("make", KINDS)
def test_the_file_computes_what_the_module_computes(make: Callable[[], nn.Module], tmp_path: Path, images):
    model = trained(make(), seed=0)
    facts = export_onnx(model, SHAPE, tmp_path / "a.onnx")
    onnx.checker.check_model(onnx.load(tmp_path / "a.onnx"), full_check=True)
    assert check_parity(model, tmp_path / "a.onnx", images).samples == 64
    assert facts.onnx_bytes == (tmp_path / "a.onnx").stat().st_size
    assert facts.opset == 20


@pytest.mark.parametrize("make", KINDS)
def test_exchanged_weights_give_the_same_bytes_as_a_new_export(
    make: Callable[[], nn.Module], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    export_onnx(trained(make(), seed=1), SHAPE, tmp_path / "first.onnx")
    second = trained(make(), seed=2)
    with monkeypatch.context() as patched:
        patched.setattr(export, "build_graph", None)  # the second export must not need the exporter
        export_onnx(second, SHAPE, tmp_path / "second.onnx")
    anew = build_graph(frozen_copy(second), SHAPE).SerializeToString(deterministic=True)
    assert (tmp_path / "second.onnx").read_bytes() == anew
    assert (tmp_path / "first.onnx").read_bytes() != anew


def test_the_graph_does_not_depend_on_the_values_of_the_weights():
    # The exporter's own optimizer drops zero biases, merges equal tensors and folds BatchNorm: all of that at step 0.
    untrained = build_graph(frozen_copy(Resnet()), SHAPE)
    assert architecture_of(untrained) == architecture_of(build_graph(frozen_copy(trained(Resnet(), 3)), SHAPE))
    zeros = Resnet()
    for parameter in zeros.parameters():
        nn.init.zeros_(parameter)
    assert architecture_of(untrained) == architecture_of(build_graph(frozen_copy(zeros), SHAPE))


def test_onnxruntime_folds_batch_norm_and_transposes_itself(tmp_path: Path):
    # This is why the file may keep them: a graph with BatchNorm left in takes 1.9 times as long.
    for make in (Resnet, Mixer):
        export_onnx(trained(make(), seed=1), SHAPE, tmp_path / "a.onnx")
        options = ort.SessionOptions()
        options.optimized_model_filepath = str(tmp_path / "loaded.onnx")
        options.log_severity_level = 3
        ort.InferenceSession(str(tmp_path / "a.onnx"), options, providers=["CPUExecutionProvider"])
        assert not {"BatchNormalization", "Transpose"} & operators_of(onnx.load(tmp_path / "loaded.onnx")).keys()


def test_a_setting_that_repr_hides_is_another_architecture(tmp_path: Path, images):
    class Scaled(nn.Module):
        def __init__(self, scale: float) -> None:
            super().__init__()
            self.scale = scale
            self.head = nn.Linear(192, 10)

        def forward(self, images):
            return self.head(images.flatten(1)) * self.scale

    one, two = Scaled(1.0), Scaled(2.0)
    two.load_state_dict(one.state_dict())
    assert repr(one) == repr(two)
    for name, model in (("one", one), ("two", two)):
        export_onnx(model, SHAPE, tmp_path / f"{name}.onnx")
    assert np.array_equal(2 * logits_of(tmp_path / "one.onnx", images), logits_of(tmp_path / "two.onnx", images))


def test_tied_weights_are_exported_anew_and_right(tmp_path: Path, images):
    def make(tied: bool) -> nn.Module:
        layers = [nn.Linear(192, 192), nn.Linear(192, 192)]
        return nn.Sequential(nn.Flatten(), layers[0], nn.ReLU(), layers[0] if tied else layers[1])

    for tied in (True, False, True):
        model = trained(make(tied), seed=int(tied))
        facts = export_onnx(model, SHAPE, tmp_path / "a.onnx")
        check_parity(model, tmp_path / "a.onnx", images)
        assert facts.parameters == (1 if tied else 2) * (192 * 192 + 192)


def test_the_model_is_left_as_it_was(tmp_path: Path):
    model = Resnet().to(memory_format=torch.channels_last).train()
    model.block.eval()
    before = hash_weights(model)
    export_onnx(model, SHAPE, tmp_path / "a.onnx")
    assert [module.training for module in (model, model.stem, model.block)] == [True, True, False]
    assert model.stem[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert hash_weights(model) == before
    contiguous = Resnet()
    contiguous.load_state_dict(model.state_dict())
    export_onnx(contiguous, SHAPE, tmp_path / "b.onnx")
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_the_file_says_nothing_about_this_machine(resnet_onnx: Path):
    content = resnet_onnx.read_bytes()
    for word in (b"site-packages", str(Path.cwd()).encode(), b"stack_trace", b"pytorch", os.sep.encode() + b"forward"):
        assert word not in content
    model = onnx.load(resnet_onnx)
    assert (model.producer_name, model.doc_string) == ("", "")
    assert [value.name for value in model.graph.input] == ["images"]
    assert [value.name for value in model.graph.output] == ["logits"]
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"


def test_another_process_writes_the_same_bytes_and_prints_nothing(tmp_path: Path, resnet_onnx: Path):
    script = (
        "import sys; from pathlib import Path; from kdbench.deploy.export.export import export_onnx;"
        "from tests.deploy.networks import SHAPE, Resnet, trained;"
        "import torch; torch.manual_seed(5); model = trained(Resnet(), seed=9);"
        "export_onnx(model, SHAPE, Path(sys.argv[1]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "theirs.onnx")], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("", "")
    torch.manual_seed(5)
    facts = export_onnx(trained(Resnet(), seed=9), SHAPE, tmp_path / "ours.onnx")
    assert (tmp_path / "theirs.onnx").read_bytes() == (tmp_path / "ours.onnx").read_bytes()
    # Other weights, another process: the same architecture.
    assert facts.architecture == architecture_of(onnx.load(resnet_onnx))


def test_students_share_an_architecture_and_not_their_weights(tmp_path: Path):
    first, second = (export_onnx(trained(cnn(), seed=s), SHAPE, tmp_path / "a.onnx") for s in (1, 2))
    wider = export_onnx(cnn(width=5), SHAPE, tmp_path / "a.onnx")
    assert first.architecture == second.architecture != wider.architecture
    assert first.weights_sha256 != second.weights_sha256
    assert first.onnx_sha256 != second.onnx_sha256
    assert first.operators == {"Conv": 1, "Gemm": 1, "MaxPool": 1, "Relu": 1, "Reshape": 1}


def test_a_model_that_cannot_be_exported_says_why(tmp_path: Path, capsys):
    class Branching(nn.Module):
        def forward(self, images):
            return images.flatten(1) if images.sum() > 0 else -images.flatten(1)

    with pytest.raises(ExportError, match=r"cannot export Branching to ONNX: .*data-dependent"):
        export_onnx(Branching(), SHAPE, tmp_path / "a.onnx")
    assert capsys.readouterr().out == ""
    assert not (tmp_path / "a.onnx").exists()


def test_more_than_two_gigabytes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(export, "MOST_BYTES", 1000)
    with pytest.raises(ExportError, match="2 GB"):
        export_onnx(mlp(), SHAPE, tmp_path / "a.onnx")
