"""The sweep over batches, with scripted rounds: how far it goes, and why it ends there."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from kdbench.deploy.timing import throughput
from kdbench.deploy.timing.jobs import NoAnswer
from kdbench.deploy.timing.latency import Round
from kdbench.deploy.timing.throughput import sweep
from kdbench.results.timings import BatchTimed
from kdbench.spec import How
from tests.records import HOW, pair_of

IMAGES = np.zeros((16, 1, 2, 2), dtype=np.float32)  # 16 bytes each
FILES = (Path("a.onnx"), Path("b.onnx"))


@pytest.fixture
def rounds(monkeypatch: pytest.MonkeyPatch) -> Callable[[Mapping[int, float | str]], list[How]]:
    """Let each batch take so many microseconds, or fail; gives the ways that were timed."""

    def script(took: Mapping[int, float | str]) -> list[How]:
        asked: list[How] = []

        def time_round(
            candidate: Path, reference: Path, images: object, how: How, *, sessions: int, pairs: int, **_: object
        ) -> Round:
            assert (candidate, reference) == FILES
            asked.append(how)
            found = took[how.batch]
            if isinstance(found, str):
                raise NoAnswer(found)
            # p50 is of no concern, and one slice that took long of none either
            slices = (pair_of(found).model_copy(update={"candidate_p50": 1.0}),) * (pairs - 1) + (pair_of(9 * found),)
            return Round(((pair_of(found),) * pairs, *[slices] * (sessions - 1)), 1, (found,), {})

        monkeypatch.setattr(throughput, "time_round", time_round)
        return asked

    return script


def swept(largest: int = 1024, how: How = HOW) -> tuple[list[BatchTimed], str]:
    found, sweeping = [], sweep(*FILES, IMAGES, how, largest)
    while True:
        try:
            found.append(next(sweeping))
        except StopIteration as end:
            return found, end.value


def batches_of(largest: int = 1024) -> tuple[list[int], str]:
    timed, ended = swept(largest)
    return [each.batch for each in timed], ended


def test_batches_double_to_the_largest_asked_for(rounds) -> None:
    asked = rounds(dict.fromkeys((1, 2, 4, 8), 100.0))  # twice as many samples in the same time
    assert batches_of(8) == ([1, 2, 4, 8], "the largest batch asked for, 8")
    assert asked == [HOW.model_copy(update={"batch": batch}) for batch in (1, 2, 4, 8)]


def test_between_two_doublings_the_largest_is_the_lower(rounds) -> None:
    rounds(dict.fromkeys((1, 2, 4), 100.0))
    assert batches_of(7) == ([1, 2, 4], "the largest batch asked for, 7")
    assert batches_of(1) == ([1], "the largest batch asked for, 1")


def test_everything_but_the_batch_stays(rounds) -> None:
    asked = rounds({1: 100.0, 2: 100.0})
    swept(2, HOW.model_copy(update={"threads": 2, "spinning": True}))
    assert [(how.threads, how.spinning, how.batch) for how in asked] == [(2, True, 1), (2, True, 2)]


def test_slices_are_kept_by_batch(rounds) -> None:
    rounds({1: 100.0, 2: 150.0})
    timed, _ = swept(2)
    assert [each.sessions[0][0].candidate_mean for each in timed] == [100.0, 150.0]
    assert [(len(each.sessions), len(each.sessions[0])) for each in timed] == [(5, 2), (5, 2)]


SATURATED = "no more than 2 % gained in 2 doublings"


@pytest.mark.parametrize(
    ("took", "batches"),
    [
        # Samples a ms: 10, 10, 10
        ({1: 100.0, 2: 200.0, 4: 400.0}, [1, 2, 4]),
        # 10, 13, then 13.2 (1.5 % more), 13.1
        ({1: 100.0, 2: 153.85, 4: 303.0, 8: 610.7}, [1, 2, 4, 8]),
        # 10, 10.1 (1 % more), 20: it goes on; 20, 20
        ({1: 100.0, 2: 198.0, 4: 200.0, 8: 400.0, 16: 800.0}, [1, 2, 4, 8, 16]),
        # Slower and slower: 10, 9, 8
        ({1: 100.0, 2: 222.0, 4: 500.0}, [1, 2, 4]),
        # 10, 10.15, 10.3: neither step gains 2 %, but both together do; then 10.3, 10.3
        ({1: 100.0, 2: 197.04, 4: 388.3, 8: 776.7, 16: 1553.4}, [1, 2, 4, 8, 16]),
    ],
)
def test_it_ends_where_two_doublings_gain_nothing(rounds, took: Mapping[int, float], batches: list[int]) -> None:
    rounds(took)
    assert batches_of() == (batches, SATURATED)


def test_calls_that_take_too_long_end_it(rounds) -> None:
    rounds({1: 1.0e6, 2: 1.5e6, 4: 2.9e6, 8: 3.1e6})
    assert batches_of() == ([1, 2, 4, 8], "a call of batch 8 takes 3.1 s")


def test_a_batch_that_fails_ends_it_with_its_reason(rounds) -> None:
    rounds({1: 100.0, 2: 110.0, 4: "the latency worker was killed by SIGKILL"})
    assert batches_of() == ([1, 2], "batch 4: the latency worker was killed by SIGKILL")


def test_where_the_first_fails_there_is_nothing_but_the_reason(rounds) -> None:
    rounds({1: "no such provider"})
    assert batches_of() == ([], "batch 1: no such provider")


def test_a_batch_that_would_fill_the_memory_is_not_tried(rounds, monkeypatch) -> None:
    # A quarter of 512 free bytes are 128: 8 images of 16
    monkeypatch.setattr(throughput.psutil, "virtual_memory", lambda: SimpleNamespace(available=512))
    asked = rounds(dict.fromkeys((1, 2, 4, 8), 100.0))
    assert batches_of() == ([1, 2, 4, 8], "a batch of 16 needs too much of the free memory")
    assert len(asked) == 4


def test_a_real_network_is_swept(deep_onnx, images, monkeypatch) -> None:
    monkeypatch.setattr(throughput, "SESSIONS", 2)
    sweeping = sweep(*deep_onnx, images, HOW, 2)
    timed = list(sweeping)
    assert [each.batch for each in timed] == [1, 2]
    assert [len(each.sessions) for each in timed] == [2, 2]
