import sys
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from kdbench.deploy.latency import measure_latency
from kdbench.results import LatencyRecord, NotMeasured
from kdbench.results.store import sha256_of
from kdbench.spec import UserError

HAS_CUDA = "CUDAExecutionProvider" in ort.get_available_providers()


def measure(onnx: Path, images, **changes):
    wanted = {"provider": "cpu", "threads": 1, "batch": 1, "seconds": 0.05, **changes}
    return measure_latency(onnx, images, architecture="0123", environment={"cpu": "some"}, **wanted)


@pytest.mark.parametrize("batch", [1, 32])
def test_a_record_holds_every_call_and_what_it_was_measured_with(batch: int, resnet_onnx: Path, images):
    record = measure(resnet_onnx, images, batch=batch)
    assert isinstance(record, LatencyRecord), record
    assert (record.provider, record.threads, record.batch) == ("cpu", 1, batch)
    assert (record.architecture, record.environment) == ("0123", {"cpu": "some"})
    assert record.onnx_sha256 == sha256_of(resnet_onnx)
    assert 30 <= len(record.call_microseconds) <= 5000
    assert min(record.call_microseconds) > 1
    assert record.warmup_runs >= 20
    assert record.load_seconds > 0
    assert record.first_run_seconds > 0
    assert record.session["entries"]["session.intra_op.allow_spinning"] == "0"
    assert record.session["free_dimensions"] == {"batch": batch}
    assert record.session["omp_num_threads"] == "1"
    assert record.session["providers"] == ["CPUExecutionProvider"]
    assert record.session["input_batches"] == 64 // batch
    assert LatencyRecord.model_validate_json(record.model_dump_json()) == record


@pytest.mark.skipif(HAS_CUDA, reason="this onnxruntime has CUDA")
def test_a_missing_provider_is_not_measured(resnet_onnx: Path, images):
    missing = measure(resnet_onnx, images, provider="cuda")
    assert isinstance(missing, NotMeasured)
    assert missing.provider == "cuda"
    assert missing.reason.startswith("this onnxruntime has no CUDAExecutionProvider")


@pytest.mark.cuda
@pytest.mark.skipif(not HAS_CUDA, reason="this onnxruntime has no CUDAExecutionProvider")
def test_cuda_is_timed_on_cuda(resnet_onnx: Path, images):
    record = measure(resnet_onnx, images, provider="cuda")
    assert isinstance(record, LatencyRecord), record
    assert record.session["providers"][0] == "CUDAExecutionProvider"


def test_an_unknown_provider_is_the_users_error(resnet_onnx: Path, images):
    with pytest.raises(UserError, match=r"unknown provider 'gpu'.*\n.*allowed: .*cuda"):
        measure(resnet_onnx, images, provider="gpu")


def test_more_threads_than_cores_are_not_measured(resnet_onnx: Path, images):
    missing = measure(resnet_onnx, images, threads=4096)
    assert isinstance(missing, NotMeasured)
    assert missing.reason.startswith("4096 threads were asked for")


def test_too_few_samples_are_not_measured(resnet_onnx: Path, images):
    assert measure(resnet_onnx, images[:15]).reason == "at least 16 real samples are needed, and there are 15"


def test_a_damaged_file_is_not_measured_and_its_path_not_told(tmp_path: Path, images):
    (tmp_path / "bad.onnx").write_bytes(b"not a graph")
    missing = measure(tmp_path / "bad.onnx", images)
    assert isinstance(missing, NotMeasured)
    assert "bad.onnx" in missing.reason
    assert str(tmp_path) not in missing.reason


def test_samples_of_another_shape_are_not_measured(resnet_onnx: Path):
    missing = measure(resnet_onnx, np.zeros((16, 1, 8, 8), dtype=np.float32))
    assert isinstance(missing, NotMeasured)
    assert "InvalidArgument" in missing.reason


# The real worker, with so many calls to time that it cannot be done before it is killed.
KILLED_AMID_ITS_WORK = """
import os, signal, threading
from kdbench.deploy import latency_worker
latency_worker.TIMED_CALLS = (30, 10**9)
threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGKILL)).start()
latency_worker.main()
"""


def test_a_worker_killed_amid_its_work_is_not_measured(resnet_onnx: Path, images):
    missing = measure(resnet_onnx, images, seconds=60, command=(sys.executable, "-c", KILLED_AMID_ITS_WORK))
    assert isinstance(missing, NotMeasured)
    assert missing.reason.startswith("the latency worker was killed by SIGKILL")


def test_a_worker_that_says_nothing_is_not_measured(resnet_onnx: Path, images):
    missing = measure(resnet_onnx, images, command=(sys.executable, "-c", "pass"))
    assert missing.reason == "the latency worker gave 0 answers where one figure was expected"
