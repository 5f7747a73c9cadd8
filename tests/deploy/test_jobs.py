import os
import sys

import pytest

from kdbench.deploy.jobs import MeasureJob, NoAnswer, ask_worker

JOB = MeasureJob(onnx="a.onnx", images="a.npy", provider="cpu", threads=1, batch=1, seconds=0.1)


def ask(script: str, timeout_seconds: float = 20):
    return ask_worker(JOB, command=(sys.executable, "-c", script), timeout_seconds=timeout_seconds)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("print('Hello')", "answered with something else: 'Hello'"),
        ("print('{}')", "answered with something else"),
        ("""print('{"answer": "refused", "reason": "no such thing"}')""", "no such thing"),
        ("import sys; sys.exit('out of luck')", "ended with exit code 1: out of luck"),
        ("import os; os.kill(os.getpid(), 9)", "was killed by SIGKILL"),
        ("import sys; sys.stdout.buffer.write(bytes([255, 254, 10]))", "answered with something else"),
    ],
)
@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_worker_that_misbehaves_is_a_reason(script: str, reason: str):
    with pytest.raises(NoAnswer, match=reason):
        ask(script)


def test_a_worker_that_hangs_is_ended():
    with pytest.raises(NoAnswer, match=r"did not end within 0.5 seconds"):
        ask("import time; time.sleep(60)", timeout_seconds=0.5)


def test_a_worker_that_does_not_start_is_a_reason():
    with pytest.raises(NoAnswer, match="did not start: No such file"):
        ask_worker(JOB, command=("no-such-program",))


def test_the_worker_has_one_openmp_thread_and_the_job():
    script = (
        "import os, sys, json; job = json.load(sys.stdin); "
        "reason = job['onnx'] + ' ' + os.environ['OMP_NUM_THREADS']; "
        "print(json.dumps({'answer': 'refused', 'reason': reason}))"
    )
    with pytest.raises(NoAnswer, match=r"a.onnx 1"):
        ask(script)
