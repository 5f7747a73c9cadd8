"""The gate's measurement: for how many rounds new and baseline files are timed."""

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kdbench import api
from kdbench.execute.jobs.records import SamplesSaved, SaveSamples, TimePair
from kdbench.execute.timing.baseline_timing import compare_with_baseline
from kdbench.execute.workers.job import Job
from kdbench.results import Store
from kdbench.results.baselines.freezing import baseline_of
from kdbench.results.timings import Round
from kdbench.spec import Gate, Record
from tests.execute.running import Scripted, place
from tests.records import Shape, make_results, slice_sessions


@pytest.fixture(autouse=True)
def unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """The executor answers without a file."""
    monkeypatch.setattr(Store, "exported", lambda store, artifact: store.onnx(artifact.key))


GATED = Shape(gates=(Gate(metric="latency", may_rise=0.05),))


def rounds_of(root: Path, ratio: float, shape: Shape, same_file: bool = False) -> int:
    """How many rounds are timed of a student that is so many times as slow as the baseline's."""
    results = make_results(shape)
    baseline = baseline_of(results)
    student = next(results.trials[entry.key] for entry in results.run.entries if entry.role == "student")
    file = {"onnx_sha256": student.model.onnx_sha256 if same_file else "another"}
    models = tuple(model.model_copy(update={"facts": model.facts.model_copy(update=file)}) for model in baseline.models)
    baseline = baseline.model_copy(update={"models": models})
    numbers = itertools.count()

    def answer(job: Job[Any]) -> list[Record]:
        if isinstance(job, SaveSamples):
            return [SamplesSaved(sample_bytes=16)]
        sessions = slice_sessions(ratio, sessions=1, seed=next(numbers))
        return [Round(sessions=sessions, calls=30, call_microseconds=(2.0,), conditions={})]

    executor = Scripted(answer)
    files = {model.onnx: root / model.onnx for model in baseline.models if model.onnx}
    found = api.drain(compare_with_baseline(baseline, files, results, place(root, executor=executor)))
    ways = [] if same_file or not files else results.suite.latency.batch_sizes
    assert [each.how.batch for each in found] == list(ways)
    timed = executor.all(TimePair)
    assert {len(each.sessions) * len(ways) for each in found} <= {len(timed)}
    # All comparisons take turns.
    assert [job.how.batch for job in timed] == list(ways) * (len(timed) // max(len(ways), 1))
    assert not any(job.cold for job in timed)
    return len(timed) // max(len(ways), 1)


@pytest.mark.parametrize(("ratio", "rounds"), [(1.0, 5), (1.2, 5), (1.05, 40)])
def test_rounds_end_as_soon_as_the_gate_can_decide(ratio: float, rounds: int, tmp_path: Path) -> None:
    assert rounds_of(tmp_path, ratio, GATED) == rounds
    assert rounds_of(tmp_path, ratio, replace(GATED, batch_sizes=(1, 32))) == rounds


@pytest.mark.parametrize(("ratio", "rounds"), [(1.2, 5), (1.3, 40)])
def test_the_margin_is_that_of_the_baselines_gates(ratio: float, rounds: int, tmp_path: Path) -> None:
    assert rounds_of(tmp_path, ratio, Shape(gates=(Gate(metric="latency", may_rise=0.3),))) == rounds


def test_the_same_file_is_not_timed(tmp_path: Path) -> None:
    assert rounds_of(tmp_path, 1.0, GATED, same_file=True) == 0


def test_nothing_is_timed_that_no_gate_asks_for(tmp_path: Path) -> None:
    assert rounds_of(tmp_path, 1.2, Shape()) == 0
