"""Timing as jobs: a worker that misbehaves is an answer with a reason, and the suite goes on."""

import shutil
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from kdbench.deploy.timing import latency, throughput
from kdbench.deploy.timing.latency import time_round
from kdbench.execute.jobs import deployment as deployed_stages
from kdbench.execute.workers.executors import Item, run_job
from kdbench.execute.workers.messages import ColdStarted, LatencyMissing, Message, RoundTimed, Swept, Unanswered
from kdbench.results import ResultSet, Store, load_suite_results
from kdbench.results.keys import artifact_key
from kdbench.results.timings import Energy
from kdbench.spec.variants import Fp32
from tests.execute.running import place, run
from tests.records import HOW
from tests.small import small_suite

SHAPE = {"data": None, "shape": [1, 8, 8]}  # made-up images, as digits have them
KILLED = "import os; os.kill(os.getpid(), 9)"
HANGS = "import time; time.sleep(60)"


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


@pytest.fixture
def files(trained: Path) -> dict[str, Path]:
    entries = Store(trained).latest_run("small").entries
    return {entry.role: Store(trained).onnx(artifact_key(entry.key, Fp32())) for entry in entries}


def ask(stage: str, root: Path, **content: object) -> Message:
    """The one answer of a job, which raises nothing: an exception would come as `Crashed`."""
    item = place(root).item(**{"how": HOW.model_dump(), **SHAPE, **content})
    (message,) = run_job(f"kdbench.execute.jobs.deployment:{stage}", item)
    return message


def pair(files: dict[str, Path]) -> Item:
    return {"candidate": str(files["teacher"]), "reference": str(files["student"])}


def one(files: dict[str, Path]) -> Item:
    return {"onnx": str(files["student"])}


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch):
    """Put a script in the worker's place."""

    def replace(script: str, timeout_seconds: float = 20.0) -> None:
        command = {"command": (sys.executable, "-c", script), "timeout_seconds": timeout_seconds}
        monkeypatch.setattr(latency, "ask_worker", partial(latency.ask_worker, **command))
        monkeypatch.setattr(latency, "why_no_counter", lambda provider: "no counter")
        # Bound to the real worker when they were defined
        monkeypatch.setattr(deployed_stages, "time_round", partial(time_round, **command))
        monkeypatch.setattr(throughput, "time_round", partial(time_round, **command))

    return replace


# Jobs that go well


def test_a_pair_is_timed_on_real_and_on_made_up_images(root: Path, files: dict[str, Path]) -> None:
    data = suite().data.model_dump(mode="json")
    answers = [ask("time_pair", root, **pair(files)), ask("time_pair", root, **pair(files), data=data)]
    for answer in answers:
        assert isinstance(answer, RoundTimed)
        assert [len(session) for session in answer.sessions] == [1] * 3
        assert answer.calls >= 9
        assert answer.conditions["input_batches"] == 64
    images = [answer.conditions["images_sha256"] for answer in answers if isinstance(answer, RoundTimed)]
    assert images[0] != images[1]
    again = ask("time_pair", root, **pair(files))
    assert isinstance(again, RoundTimed)
    assert again.conditions["images_sha256"] == images[0]


def test_a_batch_larger_than_the_usual_samples_has_real_ones(root: Path, files: dict[str, Path]) -> None:
    data = suite().data.model_dump(mode="json")
    how = HOW.model_copy(update={"batch": 100}).model_dump()
    answer = ask("time_pair", root, **pair(files), data=data, how=how)
    assert isinstance(answer, RoundTimed)
    assert answer.conditions["input_batches"] == 1


def test_a_cold_start_comes_with_what_energy_says(root: Path, files: dict[str, Path], monkeypatch) -> None:
    monkeypatch.setattr(deployed_stages, "energy_of", lambda *_: Energy(reason="no counter"))
    answer = ask("start_cold", root, **one(files))
    assert isinstance(answer, ColdStarted)
    assert len(answer.starts) == 1
    assert answer.energy == Energy(reason="no counter")


def test_a_sweep_ends_with_its_reason(root: Path, files: dict[str, Path], monkeypatch) -> None:
    item = {"onnx": str(files["teacher"]), "reference": str(files["student"]), "label": "teacher"}
    answer = ask("sweep_batches", root, **item, largest=2)
    assert isinstance(answer, Swept)
    assert [each.batch for each in answer.batches] == [1, 2]
    assert (answer.label, answer.how, answer.ended) == ("teacher", HOW, "the largest batch asked for, 2")


# Workers that misbehave


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (KILLED, "the latency worker was killed by SIGKILL"),
        (HANGS, "the latency worker did not end within 0.5 seconds"),
        ("pass", "the latency worker gave 0 of"),
        ("print('Hello')", "the latency worker answered with something else: 'Hello'"),
        ("raise SystemExit('out of memory')", "the latency worker ended with exit code 1: out of memory"),
    ],
)
@pytest.mark.parametrize("stage", ["time_pair", "start_cold", "sweep_batches"])
def test_every_way_to_misbehave_is_a_reason(
    stage: str, script: str, reason: str, root: Path, files: dict[str, Path], worker
) -> None:
    worker(script, timeout_seconds=0.5 if script == HANGS else 20)
    contents = {
        "time_pair": pair(files),
        "start_cold": one(files),
        "sweep_batches": {**one(files), "reference": str(files["student"]), "label": "x", "largest": 4},
    }
    answer = ask(stage, root, **contents[stage])
    assert isinstance(answer, Unanswered), answer
    assert answer.reason.removeprefix("batch 1: ").startswith(reason)


def test_a_sweep_whose_worker_dies_later_keeps_what_it_has(root: Path, files: dict[str, Path], monkeypatch) -> None:
    def time_round_(candidate, reference, images, how, **more):
        script = {"command": (sys.executable, "-c", KILLED)} if how.batch == 4 else {}
        return time_round(candidate, reference, images, how, **{**more, "sessions": 1, "pairs": 1, **script})

    monkeypatch.setattr(throughput, "time_round", time_round_)
    item = {**one(files), "reference": str(files["student"]), "label": "x", "largest": 64}
    answer = ask("sweep_batches", root, **item)
    assert isinstance(answer, Swept)
    assert [each.batch for each in answer.batches] == [1, 2]
    assert answer.ended == "batch 4: the latency worker was killed by SIGKILL"


def test_a_suite_whose_worker_dies_is_a_suite_without_latencies(root: Path, worker) -> None:
    worker(KILLED)
    ways = {"batch_sizes": [1, 8], "margin": 10.0, "largest_batch": 4}
    record, heard = run(suite(conditions=["contrast"], latency=ways), place(root))
    assert {outcome.status for outcome in record.outcomes.values()} == {"done"}
    assert (record.latencies, record.throughputs) == ((), ())
    assert len(record.evaluations) == 6
    reasons = {(missing.how.batch, missing.reason) for missing in record.not_measured}
    assert reasons == {(batch, "the latency worker was killed by SIGKILL") for batch in (1, 8)}
    assert sum(isinstance(message, LatencyMissing) for message in heard) == len(record.not_measured)


def test_a_network_that_cannot_be_loaded_leaves_the_others_timed(root: Path) -> None:
    entries = Store(root).latest_run("small").entries
    teacher = next(entry for entry in entries if entry.role == "teacher")
    Store(root).onnx(artifact_key(teacher.key, Fp32())).write_bytes(b"not a graph")
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
        "variants": ["fp32", "fp16", "int8_dynamic"],
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
    quantized = {variant.model.architecture for variant in results.variants if variant.label == "int8_dynamic"}
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
