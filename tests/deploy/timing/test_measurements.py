"""What is measured of real files in this process, and in which order."""

import gc
import hashlib
import itertools
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from kdbench.deploy.runtime.session import CannotMeasure
from kdbench.deploy.timing import measurements
from kdbench.deploy.timing.measurements import cold_start, energy_of, time_pairs
from kdbench.results.machine import energy
from kdbench.results.timings import Round
from kdbench.spec import How

CPU = How(provider="cpu", threads=1, batch=4)
BATCH = ("batch",)
COUNTERS = {
    "cpu_seconds", "wall_seconds", "involuntary_context_switches", "steal_seconds", "cpu_pressure_seconds",
    "load_average", "lag_1_autocorrelation",
}  # fmt: skip


@pytest.fixture
def saved(images, tmp_path: Path) -> Path:
    np.save(tmp_path / "images.npy", images)
    return tmp_path / "images.npy"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices of three calls."""
    monkeypatch.setattr("kdbench.deploy.timing.calls.SLICE_NANOSECONDS", 0)


def timed(deep_onnx: tuple[Path, Path], saved: Path, sessions: int = 3, pairs: int = 4) -> Round:
    return time_pairs(deep_onnx[::-1], saved, CPU, BATCH, sessions=sessions, pairs=pairs)


def test_a_pair_is_timed_session_by_session(deep_onnx, saved, quick) -> None:
    found = timed(deep_onnx, saved)
    assert [len(session) for session in found.sessions] == [4, 4, 4]
    assert found.calls == len(found.call_microseconds) == 3 * 4 * 3
    for pair in itertools.chain(*found.sessions):
        assert 0 < pair.candidate_min <= pair.candidate_p50
        assert pair.candidate_min <= pair.candidate_mean
        assert 0 < pair.reference_min <= pair.reference_p50
    first = found.call_microseconds[: 4 * 3]
    assert min(first) == pytest.approx(min(pair.candidate_min for pair in found.sessions[0]))


def test_a_round_holds_counters_of_noise_and_every_option(deep_onnx, images, saved, quick) -> None:
    found = timed(deep_onnx, saved).conditions
    assert found.keys() >= COUNTERS
    assert found["wall_seconds"] > 0
    assert 0 < found["cpu_seconds"] < 1.2 * found["wall_seconds"] + 0.1
    assert found["involuntary_context_switches"] >= 0
    assert found["providers"] == ["CPUExecutionProvider"]
    assert found["onnxruntime"] == ort.__version__
    assert found["input_batches"] == 64 / CPU.batch
    assert found["free_dimensions"] == {"batch": CPU.batch}
    assert found["entries"]["session.intra_op.allow_spinning"] == "0"
    assert found["intra_op_num_threads"] == 1
    assert found["images_sha256"] == hashlib.sha256(images.tobytes()).hexdigest()
    assert "gpu" not in found


@pytest.mark.parametrize(("batch", "used"), [(1, 64), (64, 64), (100, 100), (500, 192)])
def test_samples_beyond_those_that_are_cycled_over_are_not_used(batch: int, used: int, images, tmp_path: Path) -> None:
    many = np.concatenate([images] * 3)
    np.save(tmp_path / "many.npy", many)
    np.testing.assert_array_equal(measurements._load(tmp_path / "many.npy", batch), many[:used])


def test_slow_networks_get_fewer_pairs_but_two(deep_onnx, saved, quick, monkeypatch) -> None:
    monkeypatch.setattr(measurements, "SESSION_SECONDS", 0.0)
    assert [len(session) for session in timed(deep_onnx, saved, sessions=2, pairs=8).sessions] == [2, 2]
    # No more than were asked for
    assert [len(session) for session in timed(deep_onnx, saved, sessions=1, pairs=1).sessions] == [1]


def test_calls_that_are_too_many_are_thinned_and_counted(deep_onnx, saved, quick, monkeypatch) -> None:
    monkeypatch.setattr(measurements, "KEPT_CALLS", 5)
    found = timed(deep_onnx, saved, sessions=2)
    assert found.calls == 2 * 12
    assert len(found.call_microseconds) == 2 * 4  # every third of a session


def test_sessions_are_opened_and_slices_taken_in_random_order(deep_onnx, saved, quick, monkeypatch) -> None:
    opened, order = [], itertools.cycle([0.1, 0.9])  # candidate first, then reference first
    real = measurements.open_session
    monkeypatch.setattr(measurements, "open_session", lambda path, config: (opened.append(path), real(path, config))[1])
    monkeypatch.setattr(measurements.random, "random", lambda: next(order))
    timed(deep_onnx, saved, sessions=2, pairs=2)
    reference, candidate = deep_onnx
    # One draw for the loading, two for the slices: the second session begins with the other order.
    assert opened == [candidate, reference, reference, candidate]

    taken = []
    monkeypatch.setattr(measurements, "time_slice", lambda call: taken.append(call) or [1000])
    slices = list(measurements._slices(("candidate", "reference"), 2))
    assert sorted(taken[:2]) == sorted(taken[2:]) == ["candidate", "reference"]
    assert taken[:2] == taken[2:][::-1]
    assert slices == [([1000], [1000])] * 2


def test_the_candidates_slice_is_the_candidates_whatever_came_first(monkeypatch) -> None:
    monkeypatch.setattr(measurements, "time_slice", lambda call: [call])
    for draw in (0.1, 0.9):
        monkeypatch.setattr(measurements.random, "random", lambda draw=draw: draw)
        assert list(measurements._slices((1, 2), 1)) == [([1], [2])]


def test_correlation_of_neighbours_by_hand() -> None:
    # Logarithms a and -a in turns: of 12 calls, 11 products of -a a over 12 of a a
    assert measurements._lag_1([1000, 4000] * 6) == pytest.approx(-11 / 12)
    # Six of each: ten products of a a, one of -a a
    assert measurements._lag_1([1000] * 6 + [4000] * 6) == pytest.approx(9 / 12)
    assert measurements._lag_1([1000] * 12) is None
    assert measurements._lag_1([1000, 4000] * 5) is None  # ten calls say nothing


def test_a_cold_start_is_one_load_and_one_run(resnet_onnx: Path, saved) -> None:
    start = cold_start(resnet_onnx, saved, CPU, BATCH)
    assert 0 < start.load_seconds < 30
    assert 0 < start.first_run_seconds < 30
    assert start.memory_bytes >= 0


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
    read = energy_of(resnet_onnx, saved, CPU, BATCH, seconds=0.1)
    assert read.joules == 5.0
    assert read.seconds >= 0.1
    assert read.units >= CPU.batch
    assert read.units % CPU.batch == 0


def test_too_few_samples_are_a_reason(resnet_onnx: Path, images, tmp_path: Path) -> None:
    few = tmp_path / "few.npy"
    np.save(few, images[:15])
    text = "at least 16 real samples are needed, and there are 15"
    with pytest.raises(CannotMeasure, match=text):
        time_pairs((resnet_onnx, resnet_onnx), few, CPU, BATCH, sessions=1, pairs=1)
    with pytest.raises(CannotMeasure, match=text):
        cold_start(resnet_onnx, few, CPU, BATCH)
    with pytest.raises(CannotMeasure, match=text):
        energy_of(resnet_onnx, few, CPU, BATCH, seconds=0.1)


def test_the_garbage_collector_is_off_while_calls_are_timed(deep_onnx, saved, monkeypatch) -> None:
    seen = []
    monkeypatch.setattr(measurements, "time_slice", lambda call: seen.append(gc.isenabled()) or [1000, 1000])
    timed(deep_onnx, saved, sessions=1, pairs=1)
    assert seen == [False, False]
    assert gc.isenabled()
