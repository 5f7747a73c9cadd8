"""Trials of the latency gate, with answers whose ratio is known in the place of a machine."""

import itertools
from pathlib import Path
from typing import Any

import pytest

from kdbench import api
from kdbench.execute.events import RoundFinished, RunEvent
from kdbench.execute.jobs.records import SamplesSaved, SaveRandomSamples
from kdbench.execute.selftest.jobs import Alone, AloneTimed, TimeAlone, TimeTurns, TurnsTimed
from kdbench.execute.selftest.latency import Injection, latency_trials
from kdbench.execute.workers.job import Job
from kdbench.results.selftest import Judged
from kdbench.spec import Record
from kdbench.statistics.ratios import GATE_LOOKS
from tests.execute.running import Scripted, place
from tests.records import slice_sessions

NO_CHANGE, SLOWER, AT_ITS_LIMIT = Injection(1.0, 0.05, 6), Injection(1.1, 0.05, 5), Injection(1.05, 0.05, 2)


def ratio_of(file: str) -> float:
    """`1.1.onnx` is 1.1 times as slow."""
    stem = Path(file).name.removesuffix(".onnx")
    return 1.0 if stem == "reference" else float(stem)


def trials(root: Path, *injections: Injection) -> tuple[list[list[Judged]], Scripted, list[RunEvent]]:
    numbers = itertools.count()

    def answer(job: Job[Any]) -> list[Record]:
        match job:
            case SaveRandomSamples():
                return [SamplesSaved(sample_bytes=16)]
            case TimeTurns(pairs=pairs):
                drawn = [slice_sessions(ratio_of(candidate), sessions=1, seed=next(numbers)) for candidate, _ in pairs]
                return [TurnsTimed(sessions=tuple(session for sessions in drawn for session in sessions))]
            case TimeAlone(alone=alone, calls=calls):
                found = [100 * ratio_of(file) + at for file in alone for at in (0,)]
                timed = [Alone(calls=(p50,) * 3 if calls else (), samples=(p50, p50 + 0.1)) for p50 in found]
                return [AloneTimed(files=tuple(timed))]
        raise AssertionError(job)

    executor, heard = Scripted(answer), list[RunEvent]()
    noted: list[list[Judged]] = []
    api.drain(latency_trials(injections, place(root, executor=executor), noted.append), heard.append)
    return noted, executor, heard


def test_verdicts_are_the_gates(tmp_path: Path) -> None:
    (*_, found), executor, _ = trials(tmp_path, NO_CHANGE, SLOWER)
    ours = {each.truth: each for each in found if each.ours}
    same, slower = ours["the same work"], ours["10 % more work"]
    assert (same.trials, same.failed, same.undecided, same.wrong) == (6, 0, 0, 0)
    assert (slower.trials, slower.failed, slower.wrong) == (5, 5, 0)
    assert same.observed == pytest.approx(1.0, abs=0.01)
    assert slower.observed == pytest.approx(1.1, abs=0.01)
    assert same.effort == GATE_LOOKS[0]
    # Ten trials take turns, of both truths; those that are decided have no further round.
    assert {len(job.pairs) for job in executor.all(TimeTurns)[: GATE_LOOKS[0]]} == {10}


def test_a_trial_at_its_limit_ends_undecided_after_the_last_look(tmp_path: Path) -> None:
    (found,), _, heard = trials(tmp_path, AT_ITS_LIMIT)
    (judged,) = (each for each in found if each.ours)
    assert (judged.undecided, judged.wrong, judged.effort) == (2, 2, GATE_LOOKS[-1])
    rounds = [event for event in heard if isinstance(event, RoundFinished)]
    assert len(rounds) == 2 * GATE_LOOKS[-1]
    assert sum(event.further for event in rounds) == 2 * (GATE_LOOKS[-1] - GATE_LOOKS[0])


def test_what_has_ended_is_told_after_every_ten(tmp_path: Path) -> None:
    noted, _, _ = trials(tmp_path, NO_CHANGE, SLOWER, Injection(1.2, 0.1, 1))
    ours = [[(each.truth, each.trials) for each in found if each.ours] for found in noted]
    # In the order of a trial's number over the trials of its kind: 0, 0, 0, 1/6, 1/5, 2/6, 2/5, 3/6, 3/5, 4/6; 4/5, 5/6.
    assert ours == [
        [("the same work", 5), ("10 % more work", 4), ("20 % more work", 1)],
        [("the same work", 6), ("10 % more work", 5), ("20 % more work", 1)],
    ]


def test_other_tools_judge_a_quarter_of_the_trials(tmp_path: Path) -> None:
    (*_, found), executor, _ = trials(tmp_path, Injection(1.2, 0.1, 40))
    others = {each.rule: each for each in found if not each.ours}
    assert len(others) == 4
    assert {each.trials for each in others.values()} == {10}
    mean, p50 = others["pytest-benchmark, mean:10%"], others["p50 of one run over the other's, limit 10 %"]
    assert mean.failed == p50.failed == 10
    # The reference before the gate's rounds, the candidate after them; asv's samples are of two processes.
    kinds = [(type(job), getattr(job, "calls", None)) for job in executor.asked[1:]]
    alone = [(TimeAlone, True), (TimeAlone, False)]
    assert [key for key, _ in itertools.groupby(kinds)] == [*alone, (TimeTurns, None), *alone] * 4  # ten trials each


def test_other_tools_are_left_out_where_they_would_judge_fewer_than_ten(tmp_path: Path) -> None:
    (*_, found), executor, _ = trials(tmp_path, Injection(1.2, 0.1, 39))
    assert [each.ours for each in found] == [True]
    assert not executor.all(TimeAlone)
