"""Timing from the side that asks: real workers, and those that misbehave."""

import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import numpy as np
import onnxruntime as ort
import pytest

from kdbench.deploy.timing import latency
from kdbench.deploy.timing.jobs import EnergyRead, NoAnswer
from kdbench.deploy.timing.latency import Round, cold_starts, energy_of, saved_samples, time_round
from kdbench.results.timings import Energy
from kdbench.spec import How

HAS_CUDA = "CUDAExecutionProvider" in ort.get_available_providers()
NO_CUDA = "this onnxruntime has no CUDAExecutionProvider"
CPU = How(provider="cpu", threads=1, batch=1)


def how(**changes: object) -> How:
    return CPU.model_copy(update=changes)


def timed(candidate: Path, reference: Path, images, **changes) -> Round:
    return time_round(candidate, reference, images, **{"how": CPU, "sessions": 2, "pairs": 3, **changes})


def script(text: str) -> Sequence[str]:
    """A worker that does this instead."""
    return (sys.executable, "-c", text)


@pytest.mark.parametrize("batch", [1, 32])
def test_a_round_holds_its_slices_its_calls_and_what_it_was_measured_with(batch: int, deep_onnx, images) -> None:
    found = timed(*deep_onnx, images, how=how(batch=batch))
    assert [len(session) for session in found.sessions] == [3, 3]
    assert found.calls >= 2 * 3 * 3
    assert len(found.call_microseconds) <= found.calls
    assert min(found.call_microseconds) > 1
    assert found.conditions["entries"]["session.intra_op.allow_spinning"] == "0"
    assert found.conditions["free_dimensions"] == {"batch": batch}
    assert found.conditions["omp_num_threads"] == "1"
    assert found.conditions["providers"] == ["CPUExecutionProvider"]
    assert found.conditions["input_batches"] == 64 // batch
    assert found.conditions["wall_seconds"] > 2 * 3 * 2 * 0.01  # slices of 10 ms


def ratio_of(candidate: Path, reference: Path, images) -> float:
    slices = [pair for session in timed(candidate, reference, images, how=how(batch=16)).sessions for pair in session]
    return median(pair.candidate_min / pair.reference_min for pair in slices)


def test_a_file_against_itself_ties(deep_onnx, images) -> None:
    assert 0.8 < ratio_of(deep_onnx[0], deep_onnx[0], images) < 1.25


def test_twice_the_work_is_slower_and_the_other_way_round(deep_onnx, images) -> None:
    four, eight = deep_onnx
    assert ratio_of(eight, four, images) > 1.4
    assert ratio_of(four, eight, images) < 0.7


def test_files_are_found_from_anywhere(deep_onnx, images, monkeypatch) -> None:
    monkeypatch.chdir(deep_onnx[0].parent)
    assert timed(Path("4.onnx"), Path("8.onnx"), images, sessions=1, pairs=1).calls


def test_calls_of_all_sessions_are_thinned(deep_onnx, images, monkeypatch) -> None:
    monkeypatch.setattr(latency, "KEPT_CALLS", 7)
    found = timed(*deep_onnx, images)
    assert 3 < len(found.call_microseconds) <= 7 < found.calls


def test_cold_starts_are_of_fresh_processes(resnet_onnx: Path, images) -> None:
    starts = cold_starts(resnet_onnx, images, CPU, processes=2)
    assert len(starts) == 2
    for start in starts:
        assert 0 < start.first_run_seconds < 30
        assert 0 < start.load_seconds < 30
        assert start.memory_bytes > 0  # loading was the first thing that the process did
    assert starts[0] != starts[1]


def test_without_a_counter_energy_is_a_reason_and_no_process_is_started(resnet_onnx: Path, images, monkeypatch) -> None:
    monkeypatch.setattr(latency, "why_no_counter", lambda provider: f"no counter of {provider}")
    monkeypatch.setattr(latency, "ask_worker", lambda job: pytest.fail("a process was started"))
    assert energy_of(resnet_onnx, images, CPU) == Energy(reason="no counter of cpu")


def test_with_a_counter_energy_is_what_the_worker_read(resnet_onnx: Path, images, monkeypatch) -> None:
    read = Energy(joules=1.0, idle_watts=0.1, seconds=10.0, units=7, source="a counter")
    asked = []
    monkeypatch.setattr(latency, "why_no_counter", lambda provider: None)
    monkeypatch.setattr(latency, "ask_worker", lambda job: asked.append(job) or (EnergyRead(energy=read),))
    assert energy_of(resnet_onnx, images, CPU) == read
    (job,) = asked
    assert (job.seconds, job.how, Path(job.onnx)) == (10.0, CPU, resnet_onnx.resolve())


# What cannot be timed


@pytest.mark.skipif(HAS_CUDA, reason="this onnxruntime has CUDA")
def test_a_missing_provider_is_a_reason(resnet_onnx: Path, images) -> None:
    with pytest.raises(NoAnswer, match=NO_CUDA):
        timed(resnet_onnx, resnet_onnx, images, how=how(provider="cuda"))


@pytest.mark.parametrize("ask", [timed, lambda onnx, _, images, **way: cold_starts(onnx, images, **way)])
def test_more_threads_than_cores_are_a_reason(ask, resnet_onnx: Path, images) -> None:
    with pytest.raises(NoAnswer, match=r"^4096 threads were asked for"):
        ask(resnet_onnx, resnet_onnx, images, how=how(threads=4096))


def test_too_few_samples_are_a_reason(resnet_onnx: Path, images, monkeypatch) -> None:
    monkeypatch.setattr(latency, "why_no_counter", lambda provider: None)
    text = "at least 16 real samples are needed, and there are 15"
    for ask in (cold_starts, energy_of):
        with pytest.raises(NoAnswer, match=text):
            ask(resnet_onnx, images[:15], CPU)
    with pytest.raises(NoAnswer, match=text):
        timed(resnet_onnx, resnet_onnx, images[:15])


def test_no_more_samples_are_handed_over_than_are_cycled_over(images) -> None:
    many = np.concatenate([images] * 3)[:, :, ::2]
    for batch, count in ((1, 64), (64, 64), (100, 100), (500, 192)):
        with saved_samples(many, batch) as path:
            np.testing.assert_array_equal(np.load(path), many[:count])
            assert np.load(path).flags.c_contiguous
        assert not path.exists()


@pytest.mark.parametrize("damaged", ["candidate", "reference"])
def test_a_damaged_file_is_a_reason_and_its_path_not_told(damaged: str, tmp_path: Path, deep_onnx, images) -> None:
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(b"not a graph")
    files = {"candidate": deep_onnx[0], "reference": deep_onnx[1], damaged: bad}
    with pytest.raises(NoAnswer, match=r"bad\.onnx") as caught:
        timed(files["candidate"], files["reference"], images)
    assert str(tmp_path) not in str(caught.value)


def test_samples_of_another_shape_are_a_reason(resnet_onnx: Path) -> None:
    with pytest.raises(NoAnswer, match="InvalidArgument"):
        timed(resnet_onnx, resnet_onnx, np.zeros((16, 1, 8, 8), dtype=np.float32))


# The real worker, with so long a slice that it cannot be done before it is killed.
KILLED_AMID_ITS_WORK = """
import os, signal, threading
from kdbench.deploy.timing import calls
from kdbench.deploy.timing import latency_worker
calls.SLICE_NANOSECONDS = 10**12
threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGKILL)).start()
latency_worker.main()
"""


def test_a_worker_killed_amid_its_work_is_a_reason(deep_onnx, images) -> None:
    with pytest.raises(NoAnswer, match=r"^the latency worker was killed by SIGKILL"):
        timed(*deep_onnx, images, command=script(KILLED_AMID_ITS_WORK))


HANGS_AMID_ITS_WORK = """
from kdbench.deploy.timing import calls
from kdbench.deploy.timing import latency_worker
calls.SLICE_NANOSECONDS = 10**12
latency_worker.main()
"""


def test_a_worker_that_hangs_is_a_reason(deep_onnx, images) -> None:
    with pytest.raises(NoAnswer, match=r"^the latency worker did not end within 2 seconds$"):
        timed(*deep_onnx, images, command=script(HANGS_AMID_ITS_WORK), timeout_seconds=2)


STOPS_EARLY = """
import sys
from kdbench.deploy.timing import latency_worker
whole = latency_worker.time_pairs
def first(job):
    yield next(whole(job))
latency_worker.time_pairs = first
latency_worker.main()
"""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("pass", "the latency worker gave 0 of 2 pairs of sessions"),
        (STOPS_EARLY, "the latency worker gave 1 of 2 pairs of sessions"),
        ("print('Segmentation fault')", "answered with something else: 'Segmentation fault'"),
        ('print(\'{"answer": "round"}\')', "answered with something else"),
        ("raise MemoryError('no memory')", "ended with exit code 1: MemoryError: no memory"),
    ],
)
def test_a_worker_that_says_too_little_or_rubbish_is_a_reason(text: str, reason: str, deep_onnx, images) -> None:
    with pytest.raises(NoAnswer, match=reason):
        timed(*deep_onnx, images, command=script(text))


def test_a_worker_that_says_nothing_of_cold_starts_or_energy_is_a_reason(deep_onnx, images, monkeypatch) -> None:
    monkeypatch.setattr(latency, "ask_worker", lambda job: ())
    monkeypatch.setattr(latency, "why_no_counter", lambda provider: None)
    with pytest.raises(NoAnswer, match="0 of 3 cold starts"):
        cold_starts(deep_onnx[0], images, CPU)
    with pytest.raises(NoAnswer, match="no reading of energy"):
        energy_of(deep_onnx[0], images, CPU)


@pytest.mark.cuda
@pytest.mark.skipif(not HAS_CUDA, reason=NO_CUDA)
@pytest.mark.parametrize("path", ["host", "device", "graph"])
def test_cuda_is_timed_on_cuda_along_every_path(path: str, deep_onnx, images) -> None:
    found = timed(*deep_onnx, images, how=how(provider="cuda", path=path))
    assert found.conditions["providers"][0] == "CUDAExecutionProvider"
    assert found.conditions["provider_options"].get("enable_cuda_graph") == ("1" if path == "graph" else None)
    assert found.conditions["gpu"]["after"]
    assert min(found.call_microseconds) > 1


@pytest.mark.cuda
@pytest.mark.skipif(not HAS_CUDA, reason=NO_CUDA)
@pytest.mark.parametrize("path", ["device", "graph"])
def test_what_stays_on_the_device_computes_the_same(path: str, deep_onnx, images) -> None:
    from kdbench.deploy.runtime.session import configure, configure_cpu, ends_of, open_session, predict
    from kdbench.deploy.timing.calls import caller, prepare

    way = how(provider="cuda", path=path)
    session = open_session(deep_onnx[0], configure(way))
    bindings = []

    class Spy:
        get_inputs, get_outputs = session.get_inputs, session.get_outputs
        run_with_iobinding = session.run_with_iobinding

        @staticmethod
        def io_binding():
            bindings.append(session.io_binding())
            return bindings[-1]

    call = caller(Spy, prepare(images, 1), way)
    for _ in range(len(images)):
        call()
    expected = predict(open_session(deep_onnx[0], configure_cpu()), images[-1:], 1)
    assert ends_of(session)[1]
    np.testing.assert_allclose(bindings[-1].copy_outputs_to_cpu()[0], expected, rtol=1e-2, atol=1e-2)
