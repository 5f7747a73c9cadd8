"""Runs that are timed for real: a process that dies is a reason, and the run goes on."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from kdbench.execute.events import LatencyMissing
from kdbench.execute.jobs.records import TimingJob
from kdbench.execute.workers.executors import Inline
from kdbench.execute.workers.job import Job
from kdbench.results import ResultSet, Store, load_suite_results
from kdbench.results.keys import artifact_key
from kdbench.spec.variants import Fp32, Int8Dynamic
from tests.execute.running import place, put_onnx, run
from tests.execute.workers.jobs import DieAlone
from tests.small import small_suite


def suite(**changes: object):
    return small_suite(**{"seeds": 1, **changes})


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, short_rounds: None) -> Path:
    """A store with a teacher and two students, untimed."""
    root = tmp_path_factory.mktemp("trained")
    run(suite(latency={"batch_sizes": []}), place(root))
    return root


@pytest.fixture
def root(trained: Path, tmp_path: Path) -> Iterator[Path]:
    return Path(shutil.copytree(trained, tmp_path / "results"))


class Deadly(Inline):
    """Jobs of timing come to a sudden end, each in a process of its own."""

    def map(self, jobs: Sequence[Job[Any]], at_once: int | None = None) -> Iterator[tuple[int, Any]]:
        yield from super().map([DieAlone() if isinstance(job, TimingJob) else job for job in jobs], at_once)


def test_a_suite_whose_timing_dies_is_a_suite_without_latencies(root: Path) -> None:
    ways = {"batch_sizes": [1, 8], "margin": 10.0, "largest_batch": 4}
    record, heard = run(suite(conditions=["contrast"], latency=ways), place(root, executor=Deadly()))
    assert {outcome.status for outcome in record.outcomes.values()} == {"done"}
    assert (record.latencies, record.throughputs) == ((), ())
    assert len(record.evaluations) == 6
    reasons = {(missing.how.batch, missing.reason) for missing in record.not_measured}
    assert reasons == {(batch, "its process was killed by SIGKILL (out of memory?)") for batch in (1, 8)}
    assert sum(isinstance(message, LatencyMissing) for message in heard) == len(record.not_measured)


def test_a_network_that_cannot_be_loaded_leaves_the_others_timed(root: Path) -> None:
    entries = Store(root).latest_run("small").entries
    teacher = next(entry for entry in entries if entry.role == "teacher")
    put_onnx(Store(root), artifact_key(teacher.key, Fp32()), b"not a graph")
    record, _ = run(suite(latency={"batch_sizes": [1], "margin": 10.0, "largest_batch": 2}), place(root))
    results = load_suite_results(Store(root), "small")
    assert {outcome.status for outcome in record.outcomes.values()} == {"done"}
    assert [timing.kind for timing in results.latencies] == ["noise", "tie"]
    (missing,) = record.not_measured
    assert missing.architecture == results.trials[teacher.key].model.architecture
    assert "model.onnx" in missing.reason
    assert str(root) not in missing.reason
    (sweep,) = results.throughputs
    assert [each.batch for each in sweep.batches] == [1, 2]


# The whole, small


def test_a_suite_with_everything(root: Path, tmp_path: Path) -> None:
    """Two architectures, as exported and quantized, against the one with the fewest FLOPs; then all from the store."""
    changes = {
        "variants": ["fp32", "fp16", Int8Dynamic(reduce_range=True)],
        "conditions": ["contrast"],
        "latency": {"batch_sizes": [1], "margin": 10.0, "largest_batch": 1},
    }
    record, _ = run(suite(**changes), place(root))
    results = load_suite_results(Store(root), "small")
    assert isinstance(results, ResultSet)
    student = min((trial.model for trial in results.trials.values()), key=lambda model: model.flops)
    assert {timing.reference for timing in results.latencies if timing.kind != "tie"} == {student.architecture}
    kinds = [timing.kind for timing in results.latencies]
    assert sorted(kinds) == ["latency", "latency", "latency", "noise", "tie"]
    timed = {timing.architecture for timing in results.latencies}
    quantized = {variant.model.architecture for variant in results.variants if variant.label != "fp16"}
    halves = {variant.model.architecture for variant in results.variants if variant.label == "fp16"}
    assert quantized < timed
    assert not halves & timed
    assert {missing.architecture for missing in record.not_measured} == halves
    for timing in results.latencies:
        assert timing.energy.joules or timing.energy.reason
        assert len(timing.cold) == (0 if timing.kind == "tie" else 1)
    again, heard = run(suite(**changes), place(root))
    assert again == record
    assert [message for message in heard if not isinstance(message, LatencyMissing)] == []
