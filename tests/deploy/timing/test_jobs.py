import os
import sys

import pytest

from kdbench.deploy.timing.jobs import JOB as ANY_JOB
from kdbench.deploy.timing.jobs import ColdJob, EnergyJob, NoAnswer, PairJob, RoundEnded, ask_worker
from tests.records import HOW

JOB = ColdJob(onnx="a.onnx", images="a.npy", how=HOW)


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
        # A refusal after figures: none of them count.
        (
            """print('{"answer": "round", "conditions": {}}\\n{"answer": "refused", "reason": "too late"}')""",
            "^too late$",
        ),
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


def test_answers_come_in_order() -> None:
    answers = ask("""for n in (1, 2): print('{"answer": "round", "conditions": {"n": %d}}' % n)""")
    assert answers == (RoundEnded(conditions={"n": 1}), RoundEnded(conditions={"n": 2}))


def test_nothing_said_is_no_answers() -> None:
    assert ask("pass") == ()


@pytest.mark.parametrize(
    "job",
    [
        JOB,
        PairJob(candidate="a", reference="b", images="c", how=HOW, sessions=5, pairs=8),
        EnergyJob(onnx="a", images="c", how=HOW, seconds=10.0),
    ],
)
def test_a_job_arrives_as_it_was_sent(job: ColdJob | PairJob | EnergyJob) -> None:
    assert ANY_JOB.validate_json(job.model_dump_json()) == job


def test_the_worker_has_the_usual_allocator_and_finds_kdbench(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALLOC_MMAP_THRESHOLD_", "1")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    script = (
        "import os, json; told = [os.environ.get('MALLOC_MMAP_THRESHOLD_'), os.environ['PYTHONPATH'].split(':')[-1]]; "
        "import kdbench; print(json.dumps({'answer': 'refused', 'reason': repr(told)}))"
    )
    with pytest.raises(NoAnswer, match=r"^\[None, '/elsewhere'\]$"):
        ask(script)
