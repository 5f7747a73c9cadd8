"""Real files in real sessions: what is timed of them, not how long it takes."""

from pathlib import Path

import numpy as np
import pytest

from kdbench.execute.selftest import timed
from kdbench.execute.selftest.jobs import TimeAlone, TimeTurns
from kdbench.execute.selftest.latency import HOW
from kdbench.execute.selftest.networks import SHAPE, write_chain
from kdbench.execute.workers.job import NoAnswer


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    for name, work in (("candidate", 0.11), ("reference", 0.1)):
        write_chain(tmp_path / name, work)
    np.save(tmp_path / "samples.npy", np.zeros((64, *SHAPE), dtype=np.float32))
    monkeypatch.setattr(timed, "PAIRS", 2)
    monkeypatch.setattr(timed, "CALLS_SECONDS", 0.01)
    monkeypatch.setattr(timed, "WARM_UP_SECONDS", 0.01)
    return {name: str(tmp_path / name) for name in ("candidate", "reference", "samples.npy")}


def test_a_pair_of_sessions_of_each_pair_of_files(files: dict[str, str]) -> None:
    pair = (files["candidate"], files["reference"])
    found = timed.time_turns(TimeTurns(samples=files["samples.npy"], how=HOW, pairs=(pair, pair, pair)))
    assert [len(session) for session in found.sessions] == [2, 2, 2]


@pytest.mark.parametrize("calls", [True, False])
def test_files_alone(files: dict[str, str], calls: bool) -> None:
    job = TimeAlone(samples=files["samples.npy"], how=HOW, alone=(files["candidate"], files["reference"]), calls=calls)
    for file in timed.time_alone(job).files:
        assert len(file.samples) == timed.SAMPLES
        assert bool(file.calls) == calls
        assert min(*file.samples, *file.calls) > 0


def test_what_cannot_be_timed_has_a_reason(files: dict[str, str]) -> None:
    how = HOW.model_copy(update={"threads": 4096})
    with pytest.raises(NoAnswer, match="4096 threads"):
        timed.time_turns(TimeTurns(samples=files["samples.npy"], how=how, pairs=((files["candidate"],) * 2,)))
    with pytest.raises(NoAnswer, match="4096 threads"):
        timed.time_alone(TimeAlone(samples=files["samples.npy"], how=how, alone=(files["candidate"],), calls=False))
