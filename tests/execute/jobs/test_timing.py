"""Timing jobs in real processes: what they measure, and what they say where they cannot."""

from collections.abc import Iterator
from pathlib import Path
from statistics import median

import numpy as np
import onnxruntime as ort
import pytest
from numpy.typing import NDArray

from kdbench.deploy.export.export import export_onnx
from kdbench.execute.jobs.records import ReadEnergy, SaveRandomSamples, TimePair, TimingJob
from kdbench.execute.timing.rounds import measure
from kdbench.execute.workers.executors import Inline
from kdbench.execute.workers.job import NoAnswer
from kdbench.execute.workers.place import Place
from kdbench.results.timings import Round
from kdbench.spec import How, Record
from kdbench.spec.generators import drain
from tests.deploy.networks import SHAPE, Deep, trained
from tests.execute.jobs.watched import KilledAmidItsWork, TellModules
from tests.execute.running import place

HAS_CUDA = "CUDAExecutionProvider" in ort.get_available_providers()
NO_CUDA = "this onnxruntime has no CUDAExecutionProvider"
CPU = How(provider="cpu", threads=1, batch=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLP of 4 layers, one of 8, a damaged file, and samples."""
    made = tmp_path_factory.mktemp("timed")
    for layers in (4, 8):
        export_onnx(trained(Deep(layers), seed=layers), SHAPE, made / f"{layers}.onnx")
    (made / "bad.onnx").write_bytes(b"not a graph")
    images: NDArray[np.float32] = np.random.default_rng(0).normal(size=(64, *SHAPE)).astype(np.float32)
    np.save(made / "samples.npy", images)
    np.save(made / "few.npy", images[:15])
    np.save(made / "others.npy", np.zeros((16, 1, 5, 5), dtype=np.float32))
    return made


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path, executor=Inline()) as made:
        yield made


def pair(folder: Path, candidate: str = "4", reference: str = "8", kind: type[TimePair] = TimePair, **changes):
    content = {"samples": str(folder / "samples.npy"), "how": CPU, "sessions": 2, "pairs": 3}
    files = {"candidate": str(folder / f"{candidate}.onnx"), "reference": str(folder / f"{reference}.onnx")}
    return kind(**{**content, **files, **changes})


def ask(job: TimingJob[Record], here: Place):
    return drain(measure(job, here))


def refusal(job: TimingJob[Record], here: Place) -> str:
    with pytest.raises(NoAnswer) as caught:
        ask(job, here)
    return str(caught.value)


@pytest.mark.parametrize("batch", [1, 32])
def test_a_round_holds_its_slices_its_calls_and_what_it_was_measured_with(batch: int, folder, here) -> None:
    found = ask(pair(folder, how=CPU.model_copy(update={"batch": batch})), here)
    assert isinstance(found, Round)
    assert [len(session) for session in found.sessions] == [3, 3]
    assert found.calls >= 2 * 3 * 3
    assert len(found.call_microseconds) <= found.calls
    assert min(found.call_microseconds) > 1
    assert found.conditions["free_dimensions"] == {"batch": batch}
    assert found.conditions["omp_num_threads"] == "1"
    assert found.conditions["input_batches"] == 64 // batch
    assert found.conditions["wall_seconds"] > 2 * 3 * 2 * 0.01  # slices of 10 ms


def ratio_of(candidate: str, reference: str, folder: Path, here: Place) -> float:
    found = ask(pair(folder, candidate, reference, how=CPU.model_copy(update={"batch": 16})), here)
    return median(pair.candidate_min / pair.reference_min for session in found.sessions for pair in session)


@pytest.mark.alone
def test_a_file_against_itself_ties(folder, here) -> None:
    assert 0.8 < ratio_of("4", "4", folder, here) < 1.25


@pytest.mark.alone
def test_twice_the_work_is_slower_and_the_other_way_round(folder, here) -> None:
    assert ratio_of("8", "4", folder, here) > 1.4
    assert ratio_of("4", "8", folder, here) < 0.7


def test_the_process_never_imports_torch(folder, here) -> None:
    modules = ask(pair(folder, kind=TellModules, sessions=1, pairs=1), here).conditions["modules"]
    assert "onnxruntime" in modules
    assert not {"torch", "onnx", "pandas", "scipy"} & set(modules)


def test_cold_starts_are_of_fresh_processes(folder, here) -> None:
    starts = [ask(pair(folder, "8", "4", cold=True), here).cold for _ in range(2)]
    for start in starts:
        assert 0 < start.first_run_seconds < 30
        assert 0 < start.load_seconds < 30
        assert start.memory_bytes > 0  # loading was the first thing that the process did
    assert starts[0] != starts[1]
    assert ask(pair(folder), here).cold is None


def test_made_up_samples_are_always_the_same(tmp_path: Path, here) -> None:
    for name, batch, count in (("a", 1, 64), ("b", 100, 100)):
        job = SaveRandomSamples(shape=(1, 8, 8), batch=batch, path=str(tmp_path / f"{name}.npy"))
        assert drain(here.ask(job)).sample_bytes == 4 * 64
        assert np.load(tmp_path / f"{name}.npy").shape == (count, 1, 8, 8)
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), np.load(tmp_path / "b.npy")[:64])


# What cannot be timed


@pytest.mark.skipif(HAS_CUDA, reason="this onnxruntime has CUDA")
def test_a_missing_provider_is_a_reason(folder, here) -> None:
    assert refusal(pair(folder, how=CPU.model_copy(update={"provider": "cuda"})), here).startswith(NO_CUDA)


def test_more_threads_than_cores_are_a_reason(folder, here) -> None:
    many = CPU.model_copy(update={"threads": 4096})
    one = {"onnx": str(folder / "4.onnx"), "samples": str(folder / "samples.npy"), "how": many}
    for job in (pair(folder, how=many), pair(folder, how=many, cold=True), ReadEnergy(**one, seconds=0.1)):
        assert refusal(job, here).startswith("4096 threads were asked for")


def test_too_few_samples_are_a_reason(folder, here) -> None:
    text = "at least 16 real samples are needed, and there are 15"
    assert refusal(pair(folder, samples=str(folder / "few.npy")), here) == text


@pytest.mark.parametrize("files", [("bad", "4"), ("4", "bad")])
def test_a_damaged_file_is_a_reason_of_one_line_without_its_folder(files: tuple[str, str], folder, here) -> None:
    reason = refusal(pair(folder, *files), here)
    assert "bad.onnx" in reason
    assert str(folder) not in reason
    assert "\n" not in reason


def test_samples_of_another_shape_are_a_reason(folder, here) -> None:
    assert refusal(pair(folder, samples=str(folder / "others.npy")), here).startswith("InvalidArgument")


def test_a_process_killed_amid_its_work_is_a_reason(folder, here) -> None:
    assert refusal(pair(folder, kind=KilledAmidItsWork), here).startswith("its process was killed by SIGKILL")


@pytest.mark.cuda
@pytest.mark.skipif(not HAS_CUDA, reason=NO_CUDA)
@pytest.mark.parametrize("path", ["host", "device", "graph"])
def test_cuda_is_timed_on_cuda_along_every_path(path: str, folder, here) -> None:
    found = ask(pair(folder, how=CPU.model_copy(update={"provider": "cuda", "path": path})), here)
    assert found.conditions["providers"][0] == "CUDAExecutionProvider"
    assert found.conditions["provider_options"].get("enable_cuda_graph") == ("1" if path == "graph" else None)
    assert found.conditions["gpu"]["after"]
    assert min(found.call_microseconds) > 1
