"""The sweep over batches, with scripted rounds: how far it goes, and why it ends there."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest

from kdbench.execute.jobs.records import TimePair
from kdbench.execute.timing import throughput
from kdbench.execute.timing.throughput import sweep
from kdbench.execute.workers.messages import Crashed
from kdbench.results.timings import BatchTimed, Round
from kdbench.spec import How, Record
from kdbench.spec.generators import drain
from tests.execute.running import Scripted, place
from tests.records import HOW, pair_of

SAMPLE_BYTES = 16
Took = Mapping[int, float | str]
Swept = tuple[tuple[BatchTimed, ...], str, list[TimePair]]


@pytest.fixture
def swept(tmp_path: Path) -> Callable[..., Swept]:
    """A sweep in which each batch takes so many microseconds, or fails; with the jobs that were asked."""

    def script(took: Took, largest: int = 1024, how: How = HOW) -> Swept:
        def answer(job: TimePair) -> list[Record]:
            found = took[job.how.batch]
            if isinstance(found, str):
                return [Crashed(reason=found)]
            # p50 is of no concern, and one slice that took long of none either
            slices = (pair_of(found).model_copy(update={"candidate_p50": 1.0}),) * (job.pairs - 1)
            slices += (pair_of(9 * found),)
            sessions = ((pair_of(found),) * job.pairs, *[slices] * (job.sessions - 1))
            return [Round(sessions=sessions, calls=1, call_microseconds=(found,), conditions={})]

        executor = Scripted(answer)
        job = TimePair(candidate="a.onnx", reference="b.onnx", samples="c.npy", how=how, sessions=9, pairs=9)
        timed, ended = drain(sweep(job, largest, SAMPLE_BYTES, place(tmp_path, executor=executor)))
        return timed, ended, executor.asked

    return script


@pytest.fixture
def batches_of(swept: Callable[..., Swept]) -> Callable[..., tuple[list[int], str]]:
    def script(took: Took, largest: int = 1024) -> tuple[list[int], str]:
        timed, ended, _ = swept(took, largest)
        return [each.batch for each in timed], ended

    return script


def test_batches_double_to_the_largest_asked_for(swept) -> None:
    timed, ended, asked = swept(dict.fromkeys((1, 2, 4, 8), 100.0), 8)  # twice as many samples in the same time
    assert ([each.batch for each in timed], ended) == ([1, 2, 4, 8], "the largest batch asked for, 8")
    assert [job.how for job in asked] == [HOW.model_copy(update={"batch": batch}) for batch in (1, 2, 4, 8)]
    assert {(job.candidate, job.reference, job.sessions, job.pairs) for job in asked} == {("a.onnx", "b.onnx", 5, 2)}


def test_between_two_doublings_the_largest_is_the_lower(batches_of) -> None:
    took = dict.fromkeys((1, 2, 4), 100.0)
    assert batches_of(took, 7) == ([1, 2, 4], "the largest batch asked for, 7")
    assert batches_of(took, 1) == ([1], "the largest batch asked for, 1")


def test_everything_but_the_batch_stays(swept) -> None:
    way = HOW.model_copy(update={"threads": 2, "spinning": True, "batch": 32})
    _, _, asked = swept({1: 100.0, 2: 100.0}, 2, way)
    ways = [(job.how.threads, job.how.spinning, job.how.batch) for job in asked]
    assert ways == [(2, True, 1), (2, True, 2)]


def test_slices_are_kept_by_batch(swept) -> None:
    timed, _, _ = swept({1: 100.0, 2: 150.0}, 2)
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
def test_it_ends_where_two_doublings_gain_nothing(batches_of, took: Took, batches: list[int]) -> None:
    assert batches_of(took) == (batches, SATURATED)


def test_calls_that_take_too_long_end_it(batches_of) -> None:
    assert batches_of({1: 1.0e6, 2: 1.5e6, 4: 2.9e6, 8: 3.1e6}) == ([1, 2, 4, 8], "a call of batch 8 takes 3.1 s")


def test_a_batch_that_fails_ends_it_with_its_reason(batches_of) -> None:
    assert batches_of({1: 100.0, 2: 110.0, 4: "its process was killed by SIGKILL"}) == (
        [1, 2],
        "batch 4: its process was killed by SIGKILL",
    )


def test_where_the_first_fails_there_is_nothing_but_the_reason(batches_of) -> None:
    assert batches_of({1: "no such provider"}) == ([], "batch 1: no such provider")


def test_a_batch_that_would_fill_the_memory_is_not_tried(swept, monkeypatch) -> None:
    # A quarter of 512 free bytes are 128: 8 images of 16
    monkeypatch.setattr(throughput.psutil, "virtual_memory", lambda: SimpleNamespace(available=512))
    timed, ended, asked = swept(dict.fromkeys((1, 2, 4, 8), 100.0))
    assert ended == "a batch of 16 needs too much of the free memory"
    assert len(timed) == len(asked) == 4
