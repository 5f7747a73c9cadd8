"""Files that somebody damaged, or made to do harm, are described or refused: never a traceback, and never a hang."""

import json
import multiprocessing
import os
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from kdbench.deploy.foreign import run
from kdbench.deploy.foreign.inspect import ForeignModel, inspect_model
from kdbench.deploy.foreign.probe import probe
from kdbench.spec import UserError
from tests.deploy.foreign.mutations import BESIDE, WEIGHTS, damaged, nested, repeating

SECONDS = 60.0  # of one file, however busy the machine is
CPU_SECONDS = 5.0


def measured(path: str, shape: list[int | None] | None, call: float) -> tuple[dict[str, Any], float]:
    """What is found, and in how much CPU time."""
    began = time.process_time()
    return probe(path, shape, call), time.process_time() - began


class Probes:
    """In place of a process for each file: one for all of them, and a new one where a file broke it."""

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        self.pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))

    def run(self, command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        path, shape, call = command[-4:-1]
        (process,) = (self.pool.submit(os.getpid).result(SECONDS), *self.pool._processes.values())[1:]
        try:
            found, seconds = self.pool.submit(measured, path, json.loads(shape), float(call)).result(SECONDS)
        except BrokenProcessPool:
            process.join()
            self._start()
            return subprocess.CompletedProcess(command, process.exitcode, "", "")
        assert seconds < CPU_SECONDS
        return subprocess.CompletedProcess(command, 0, json.dumps(found), "")


@pytest.fixture
def probes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    found = Probes()
    monkeypatch.setattr(run.subprocess, "run", found.run)
    yield
    found.pool.shutdown()


@pytest.mark.usefixtures("probes")
@pytest.mark.parametrize("inputs", [300, pytest.param(10_000, marks=pytest.mark.slow)])
def test_a_damaged_file_is_described_or_refused(inputs: int, tmp_path: Path) -> None:
    (tmp_path / BESIDE).write_bytes(WEIGHTS.tobytes())
    path, described = tmp_path / "m.onnx", list[ForeignModel]()
    refused: list[str] = []

    @settings(max_examples=inputs, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(damaged())
    def describe(content: bytes) -> None:
        path.write_bytes(content)
        began = time.process_time()
        try:
            described.append(inspect_model(path))
        except UserError as error:
            refused.append(str(error))
        assert time.process_time() - began < CPU_SECONDS

    describe()
    assert min(len(described), len(refused)) > inputs / 10
    assert all(model.classes is None or model.classes >= 2 for model in described)
    assert all(len(text.splitlines()) == 2 for text in refused), "what is wrong, and the next step"
    assert not any("was stopped after" in text for text in refused)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["m.onnx", BESIDE]


@pytest.mark.parametrize("depth", [15, 5000])
def test_functions_that_call_functions_are_refused_before_a_session_copies_them(depth: int, tmp_path: Path) -> None:
    """15 levels of two calls each are 32,768 nodes, over which a session takes minutes."""
    (tmp_path / "m.onnx").write_bytes(nested(depth).SerializeToString())
    with pytest.raises(UserError, match="functions that come to over 20,000 nodes where they are called"):
        inspect_model(tmp_path / "m.onnx")


def test_functions_in_a_circle_are_refused(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(nested(3, circle=True).SerializeToString())
    with pytest.raises(UserError, match="onnxruntime cannot open"):
        inspect_model(tmp_path / "m.onnx")


def test_functions_that_come_to_few_nodes_are_opened(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(nested(3).SerializeToString())
    assert inspect_model(tmp_path / "m.onnx").classes == 3


@pytest.mark.parametrize("once_for_one_image", [False, True])
def test_a_loop_without_end_is_stopped(
    once_for_one_image: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "LEAST_CALL", 0.5)
    (tmp_path / "m.onnx").write_bytes(repeating(once_for_one_image).SerializeToString())
    with pytest.raises(UserError, match=r"was stopped after .* of CPU time, .*\n  help: look for a loop"):
        inspect_model(tmp_path / "m.onnx")
