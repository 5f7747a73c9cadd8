"""The process that times: its answers to real jobs, and that it stays free of what would disturb it."""

import hashlib
import itertools
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from kdbench.deploy.timing import latency_worker
from kdbench.deploy.timing.jobs import Cold, ColdJob, EnergyJob, EnergyRead, PairJob, RoundEnded, SessionPairTimed
from kdbench.deploy.timing.latency_worker import cold_start, read_energy, time_pairs
from kdbench.results.machine import energy
from kdbench.spec import How

CPU = How(provider="cpu", threads=1, batch=4)
COUNTERS = {
    "cpu_seconds", "wall_seconds", "involuntary_context_switches", "steal_seconds", "cpu_pressure_seconds",
    "load_average", "lag_1_autocorrelation",
}  # fmt: skip


@pytest.fixture
def saved(images, tmp_path: Path) -> str:
    np.save(tmp_path / "images.npy", images)
    return str(tmp_path / "images.npy")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices of three calls."""
    monkeypatch.setattr("kdbench.deploy.timing.calls.SLICE_NANOSECONDS", 0)


def pair_job(deep_onnx, saved: str, **changes) -> PairJob:
    content = {"candidate": str(deep_onnx[1]), "reference": str(deep_onnx[0]), "images": saved, "how": CPU}
    return PairJob(**{**content, "sessions": 3, "pairs": 4, **changes})


def test_a_pair_is_timed_session_by_session(deep_onnx, saved, quick) -> None:
    *timed, end = time_pairs(pair_job(deep_onnx, saved))
    assert isinstance(end, RoundEnded)
    assert len(timed) == 3
    for session in timed:
        assert isinstance(session, SessionPairTimed)
        assert len(session.pairs) == 4
        assert session.calls == len(session.call_microseconds) == 4 * 3
        for pair in session.pairs:
            assert 0 < pair.candidate_min <= pair.candidate_p50
            assert pair.candidate_min <= pair.candidate_mean
            assert 0 < pair.reference_min <= pair.reference_p50
        assert min(session.call_microseconds) == pytest.approx(min(pair.candidate_min for pair in session.pairs))


def test_a_round_ends_with_counters_of_noise_and_every_option(deep_onnx, saved, quick) -> None:
    end = list(time_pairs(pair_job(deep_onnx, saved)))[-1]
    assert isinstance(end, RoundEnded)
    told = end.conditions
    assert told.keys() >= COUNTERS
    assert told["wall_seconds"] > 0
    assert 0 < told["cpu_seconds"] < 1.2 * told["wall_seconds"] + 0.1
    assert told["involuntary_context_switches"] >= 0
    assert told["providers"] == ["CPUExecutionProvider"]
    assert told["onnxruntime"] == ort.__version__
    assert told["input_batches"] == 64 / CPU.batch
    assert told["free_dimensions"] == {"batch": CPU.batch}
    assert told["entries"]["session.intra_op.allow_spinning"] == "0"
    assert told["intra_op_num_threads"] == 1
    assert told["images_sha256"] == hashlib.sha256(Path(saved).read_bytes()).hexdigest()
    assert "gpu" not in told


def test_slow_networks_get_fewer_pairs_but_two(deep_onnx, saved, quick, monkeypatch) -> None:
    monkeypatch.setattr(latency_worker, "SESSION_SECONDS", 0.0)
    *timed, _ = time_pairs(pair_job(deep_onnx, saved, sessions=2, pairs=8))
    assert [len(session.pairs) for session in timed] == [2, 2]
    *timed, _ = time_pairs(pair_job(deep_onnx, saved, sessions=1, pairs=1))
    assert [len(session.pairs) for session in timed] == [1]  # no more than were asked for


def test_calls_that_are_too_many_are_thinned_and_counted(deep_onnx, saved, quick, monkeypatch) -> None:
    monkeypatch.setattr(latency_worker, "KEPT_CALLS", 5)
    session = next(time_pairs(pair_job(deep_onnx, saved, sessions=1)))
    assert session.calls == 12
    assert len(session.call_microseconds) == 4  # every third


def test_sessions_are_opened_and_slices_taken_in_random_order(deep_onnx, saved, quick, monkeypatch) -> None:
    opened, order = [], itertools.cycle([0.1, 0.9])  # candidate first, then reference first
    real = latency_worker.open_session
    monkeypatch.setattr(
        latency_worker, "open_session", lambda path, config: (opened.append(path), real(path, config))[1]
    )
    monkeypatch.setattr(latency_worker.random, "random", lambda: next(order))
    job = pair_job(deep_onnx, saved, sessions=2, pairs=2)
    list(time_pairs(job))
    candidate, reference = Path(job.candidate), Path(job.reference)
    # One draw for the loading, two for the slices: the second session begins with the other order.
    assert opened == [candidate, reference, reference, candidate]

    taken = []
    monkeypatch.setattr(latency_worker, "time_slice", lambda call: taken.append(call) or [1000])
    slices = list(latency_worker._slices(("candidate", "reference"), 2))
    assert sorted(taken[:2]) == sorted(taken[2:]) == ["candidate", "reference"]
    assert taken[:2] == taken[2:][::-1]
    assert slices == [([1000], [1000])] * 2


def test_the_candidates_slice_is_the_candidates_whatever_came_first(monkeypatch) -> None:
    monkeypatch.setattr(latency_worker, "time_slice", lambda call: [call])
    for draw in (0.1, 0.9):
        monkeypatch.setattr(latency_worker.random, "random", lambda draw=draw: draw)
        assert list(latency_worker._slices((1, 2), 1)) == [([1], [2])]


def test_correlation_of_neighbours_by_hand() -> None:
    # Logarithms a and -a in turns: of 12 calls, 11 products of -a a over 12 of a a
    assert latency_worker._lag_1([1000, 4000] * 6) == pytest.approx(-11 / 12)
    # Six of each: ten products of a a, one of -a a
    assert latency_worker._lag_1([1000] * 6 + [4000] * 6) == pytest.approx(9 / 12)
    assert latency_worker._lag_1([1000] * 12) is None
    assert latency_worker._lag_1([1000, 4000] * 5) is None  # ten calls say nothing


def test_a_cold_start_is_one_load_and_one_run(resnet_onnx: Path, saved) -> None:
    (answer,) = cold_start(ColdJob(onnx=str(resnet_onnx), images=saved, how=CPU))
    assert isinstance(answer, Cold)
    assert 0 < answer.start.load_seconds < 30
    assert 0 < answer.start.first_run_seconds < 30
    assert answer.start.memory_bytes >= 0


def test_energy_is_read_beside_calls_for_as_long_as_asked(resnet_onnx: Path, saved, monkeypatch) -> None:
    class Counter:
        source, total = "a counter", 0.0

        def joules(self) -> float:
            Counter.total += 5.0
            return Counter.total

        def close(self) -> None:
            pass

    monkeypatch.setattr(energy, "open_counter", lambda provider: Counter())
    monkeypatch.setattr(energy, "REST_SECONDS", 0.0)
    monkeypatch.setattr(energy, "LEAST_SECONDS", 0.0)
    (answer,) = read_energy(EnergyJob(onnx=str(resnet_onnx), images=saved, how=CPU, seconds=0.1))
    assert isinstance(answer, EnergyRead)
    assert answer.energy.joules == 5.0
    assert 0.1 <= answer.energy.seconds < 5
    assert answer.energy.units >= CPU.batch
    assert answer.energy.units % CPU.batch == 0


def worker(script: str, job: PairJob | ColdJob) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", script]
    return subprocess.run(command, input=job.model_dump_json(), capture_output=True, text=True, check=False)


@pytest.mark.parametrize("kind", ["pair", "cold"])
def test_the_real_worker_never_imports_torch(kind: str, deep_onnx, saved) -> None:
    cold = ColdJob(onnx=str(deep_onnx[0]), images=saved, how=CPU)
    job = pair_job(deep_onnx, saved, sessions=1, pairs=1) if kind == "pair" else cold
    script = (
        "import sys, runpy; runpy.run_module('kdbench.deploy.timing.latency_worker', run_name='__main__'); "
        "sys.exit(' '.join({'torch', 'onnx', 'pandas', 'scipy'} & set(sys.modules)) or 0)"
    )
    done = worker(script, job)
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line)["answer"] for line in done.stdout.splitlines()]
    assert answers == {"pair": ["session_pair", "round"], "cold": ["cold"]}[kind]


def test_the_garbage_collector_is_off_while_calls_are_timed(deep_onnx, saved) -> None:
    script = (
        "import gc; from kdbench.deploy.timing import latency_worker as w; slow = w.time_slice\n"
        "def watched(call):\n    assert not gc.isenabled()\n    return [1000, 1000]\n"
        "w.time_slice = watched; assert gc.isenabled(); w.main()"
    )
    done = worker(script, pair_job(deep_onnx, saved, sessions=1, pairs=1))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[0])["pairs"][0]["candidate_p50"] == 1.0


def test_what_libraries_print_does_not_reach_the_answers() -> None:
    script = (
        "import os; from kdbench.deploy.timing.latency_worker import _own_stdout; stream = _own_stdout(); "
        "print('noise', flush=True); os.write(1, b'more'); stream.write('answer'); stream.flush()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("answer", "noise\nmore")
