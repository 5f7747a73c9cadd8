import itertools
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kdbench.deploy import latency_worker
from kdbench.deploy.jobs import MeasureJob
from kdbench.deploy.latency_worker import prepare, time_calls, time_slice, warm_up


def scripted(nanoseconds):
    took = itertools.chain(nanoseconds, itertools.repeat(list(nanoseconds)[-1]))
    return lambda: next(took)


def test_inputs_go_round_all_samples_in_full_batches():
    samples = np.arange(16, dtype=np.float32).reshape(16, 1, 1, 1)
    values = [feed["images"].ravel().tolist() for feed in prepare(samples, 6)]
    assert values == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11], [12, 13, 14, 15, 0, 1]]
    assert len(prepare(samples, 1)) == 16
    assert prepare(samples, 20)[0]["images"].ravel().tolist() == [*range(16), 0, 1, 2, 3]


def test_warm_up_ends_when_two_windows_agree():
    assert warm_up(scripted([2_000_000] * 5)) == 20
    # 15 slow runs first: at 31 runs the earlier window is 12 to 21, with 4 slow ones of 10; at 30 it has 5.
    assert warm_up(scripted([9_000_000] * 15 + [2_000_000])) == 31


def test_warm_up_gives_up_after_300_runs_and_lasts_20_milliseconds():
    growing = [int(1e6 * 1.02**n) for n in range(400)]
    assert warm_up(scripted(growing)) == 300
    assert warm_up(scripted([20_000])) == 1000


def test_timed_calls_are_bounded():
    assert len(time_calls(scripted([1000]), seconds=0)) == 30
    assert len(time_calls(scripted([1000]), seconds=60)) == 5000


def test_a_slice_has_three_runs_at_least(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(latency_worker, "SLICE_NANOSECONDS", 0)
    assert time_slice(scripted([5000, 2000, 3000, 1])) == (3.0, 2.0)


def test_the_real_worker_never_imports_torch(resnet_onnx: Path, images, tmp_path: Path):
    np.save(tmp_path / "images.npy", images)
    job = MeasureJob(
        onnx=str(resnet_onnx), images=str(tmp_path / "images.npy"), provider="cpu", threads=1, batch=1, seconds=0.01
    )
    script = (
        "import sys, runpy; runpy.run_module('kdbench.deploy.latency_worker', run_name='__main__'); "
        "sys.exit('torch' in sys.modules or 'onnx' in sys.modules or 'pandas' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], input=job.model_dump_json(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["answer"] == "measured"


def test_what_libraries_print_does_not_reach_the_answers():
    script = (
        "import os; from kdbench.deploy.latency_worker import _own_stdout; stream = _own_stdout(); "
        "print('noise', flush=True); os.write(1, b'more'); stream.write('answer'); stream.flush()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("answer", "noise\nmore")
