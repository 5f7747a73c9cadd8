"""All trials together: how many of each, and beside what."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from kdbench import api
from kdbench.execute.selftest import selftest as module
from kdbench.execute.selftest.latency import Injection
from kdbench.execute.selftest.selftest import Asked, selftest
from kdbench.results.selftest import Judged, SelfTest
from tests.execute.running import place
from tests.results.test_selftest import judged


def test_what_is_asked_for_is_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[Injection] = []
    beside: list[int] = []

    def latency_trials(
        injections: Sequence[Injection], _: object, note: Callable[[list[Judged]], None]
    ) -> Iterator[object]:
        tried.extend(injections)
        yield from ()
        note([judged()])

    @contextmanager
    def busy_processes(number: int) -> Iterator[None]:
        beside.append(number)
        yield

    monkeypatch.setattr(module, "latency_trials", latency_trials)
    monkeypatch.setattr(module, "busy_processes", busy_processes)
    asked = Asked(trials=21, slower=(1.05, 1.1), points=0.02, margin=0.04, busy=3)
    noted: list[SelfTest] = []
    api.drain(selftest(asked, place(tmp_path), noted.append))
    same, *slower = tried
    assert same == Injection(work=1.0, margin=0.04, trials=21)
    assert [(each.work, each.trials) for each in slower] == [(1.05, 5), (1.1, 5)]
    assert [each.margin for each in slower] == pytest.approx([0.025, 0.05])  # a slowdown is twice the margin
    told = [[(each.gate, each.trials, each.truth) for each in found.judged] for found in noted]
    drawn = [("accuracy", 21, "the same recipe"), ("accuracy", 21, "2 points lost")]
    assert told == [drawn, [("latency", 20, "the same work"), *drawn]]
    assert (beside, noted[-1].busy) == ([3], 3)
