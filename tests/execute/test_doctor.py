"""What `kdbench doctor` says of machines that are not this one."""

import subprocess
from pathlib import Path

import pytest

from kdbench.execute import doctor


def found(name: str, tmp_path: Path) -> doctor.Finding:
    return next(finding for finding in doctor.examine(tmp_path / "results") if finding.name == name)


def answering(monkeypatch: pytest.MonkeyPatch, stderr: str) -> None:
    """Let every import in a process of its own fail with these words."""
    failed = subprocess.CompletedProcess([], 1, stdout="", stderr=stderr)
    monkeypatch.setattr(doctor, "_python", lambda code: failed)


def test_builds_that_do_not_match(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, "Traceback ...\nRuntimeError: operator torchvision::nms does not exist\n")
    finding = found("torchvision", tmp_path)
    assert finding.status == "problem"
    assert "different builds" in (finding.fix or "")


def test_both_wheels_of_onnxruntime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_installed", lambda package: True)
    finding = found("onnxruntime", tmp_path)
    assert finding.status == "problem"
    assert "pip uninstall -y onnxruntime onnxruntime-gpu" in (finding.fix or "")


def test_nothing_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, "ModuleNotFoundError: No module named 'torch'\n")
    assert found("torch", tmp_path).fix == "pip install torch"
    monkeypatch.setattr(doctor, "_installed", lambda package: False)
    assert found("onnxruntime", tmp_path).status == "problem"


def test_a_gpu_with_the_cpu_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "exists", lambda self: True)
    monkeypatch.setattr(doctor, "_installed", lambda package: package == "onnxruntime")
    finding = found("CUDA", tmp_path)
    assert finding.status == "note"
    assert "pip install onnxruntime-gpu" in (finding.fix or "")


def test_a_cuda_provider_that_does_not_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "exists", lambda self: True)
    monkeypatch.setattr(doctor, "_installed", lambda package: package == "onnxruntime-gpu")
    answering(monkeypatch, "OSError: libcudnn.so.9: cannot open shared object file\n")
    finding = found("CUDA", tmp_path)
    assert finding.status == "problem"
    assert "libcudnn" in finding.detail


def test_a_results_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("in the way")
    assert found("results folder", tmp_path).status == "problem"
