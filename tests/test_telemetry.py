"""ONNX Runtime's telemetry is off in every process of kdbench."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

WATCH = """
import os, sys
class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "onnxruntime":
            print(os.environ.get("ORT_DISABLE_TELEMETRY"))
sys.meta_path.insert(0, Watch())
import {module}
"""
SESSION = """
import sys
from pathlib import Path
from kdbench.deploy.runtime.session import configure_cpu, open_session
open_session(Path(sys.argv[1]), configure_cpu())
"""
CHILD = """
import kdbench, subprocess, sys
subprocess.run([sys.executable, "-c", "import os; print(os.environ['ORT_DISABLE_TELEMETRY'])"], check=True)
"""
MODULES = (
    "kdbench.execute.jobs.timing",
    "kdbench.deploy.foreign.probe",
    "kdbench.execute.doctor.first_session",
)


def run(code: str, *arguments: str, **variables: str) -> str:
    env = {**os.environ, "ORT_DISABLE_TELEMETRY": "0", **variables}
    done = subprocess.run([sys.executable, "-c", code, *arguments], env=env, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.parametrize("module", MODULES)
def test_it_is_off_before_onnxruntime_is_imported(module: str) -> None:
    assert run(WATCH.format(module=module)) == "1\n"


def test_processes_that_kdbench_starts_inherit_it() -> None:
    assert run(CHILD) == "1\n"


def test_a_session_leaves_nothing_in_the_users_folders(tmp_path: Path, relu_onnx: Path) -> None:
    """With telemetry, onnxruntime 1.31 keeps a device ID and a database in the cache folder."""
    home = tmp_path / "home"
    home.mkdir()
    run(SESSION, str(relu_onnx), HOME=str(home), XDG_CACHE_HOME=str(home / "cache"))
    assert list(home.rglob("*")) == []


@pytest.fixture
def relu_onnx(tmp_path: Path) -> Path:
    import onnx
    from onnx import TensorProto, helper

    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in ("images", "logits")]
    graph = helper.make_graph([helper.make_node("Relu", ["images"], ["logits"])], "relu", ends[:1], ends[1:])
    path = tmp_path / "relu.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path
