"""How much is timed, in which order, and what is not timed again: the executor is scripted, nothing is measured."""

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from kdbench import api
from kdbench.execute.events import LatencyMeasured, LatencyMissing, RoundFinished, RunEvent, ThroughputMeasured
from kdbench.execute.jobs.records import ReadEnergy, SamplesSaved, SaveRandomSamples, SaveSamples, TimePair
from kdbench.execute.timing import throughput, timing
from kdbench.execute.timing.rounds import COLD_STARTS, PAIRS, measure, take_turns, time_rounds
from kdbench.execute.timing.samples import RandomSamples, RealSamples, Source
from kdbench.execute.timing.timing import ENERGY_SECONDS, Network, Timed, time_networks
from kdbench.execute.workers.job import Job, NoAnswer
from kdbench.execute.workers.messages import Crashed, Noted, Refused
from kdbench.results import LatencyRecord, Store
from kdbench.results.timings import ColdStart, Energy, Round, ThroughputRecord
from kdbench.spec import DataSpec, How, LatencySpec, Problem, Record, UserError
from kdbench.statistics.ratios import LOOKS
from tests.execute.running import Scripted, place
from tests.records import HOW, pair_of

RATIOS = (1.998, 1.999, 2.0, 2.001, 2.002)
COLD = ColdStart(load_seconds=0.1, first_run_seconds=0.01, memory_bytes=7)
NO_COUNTER = Energy(reason="no counter of cpu")
DIGITS = DataSpec.model_validate("digits")
ONCE = LatencySpec(batch_sizes=(1,), largest_batch=1)  # the first look settles the ratio to its margin
NEVER = ONCE.model_copy(update={"margin": 1e-6})


def network(name: str, flops: int = 1, architecture: str = "", **changes: str) -> Network:
    content = {"trial": f"trial-{name}", "label": name, "architecture": architecture or name, "sha256": f"sha-{name}"}
    onnx = Path(f"/nets/{name}.onnx")
    return Network(**{**content, "onnx": onnx, "flops": flops, **changes})  # type: ignore[arg-type]


SMALL, BIG = network("small"), network("big", 8)
TWIN = network("twin", architecture="small")


@pytest.fixture(autouse=True)
def no_counter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "why_no_counter", lambda provider: f"no counter of {provider}")


SEEN = Counter[tuple[str, str, How]]()


def round_of(job: TimePair) -> Round:
    """Sessions of two pairs, in which any five in a row of one ratio differ as `RATIOS` do."""
    ratio = (job.candidate, job.reference, job.how)
    first = SEEN[ratio]
    SEEN[ratio] += job.sessions
    return Round(
        sessions=tuple((pair_of(RATIOS[(first + i) % 5]),) * 2 for i in range(job.sessions)),
        calls=6 * job.sessions,
        call_microseconds=(2.0, 3.0),
        conditions={"steal_seconds": 0.0},
        cold=COLD if job.cold else None,
    )


def usual(job: Job[Any]) -> Iterable[Record]:
    """Everything goes well."""
    match job:
        case SaveSamples() | SaveRandomSamples():
            yield SamplesSaved(sample_bytes=16)
        case TimePair():
            yield round_of(job)


def time_(
    root: Path,
    answer: Callable[[Job[Any]], Iterable[Record]] = usual,
    networks: Sequence[Network] = (BIG, SMALL),
    ties: Sequence[Network] = (),
    asked: LatencySpec = ONCE,
    source: Source = RealSamples(DIGITS),
) -> tuple[Timed, list[RunEvent], Scripted]:
    executor, heard = Scripted(answer), list[RunEvent]()
    events = time_networks(networks, SMALL, ties, asked, source, place(root, executor=executor))
    return api.drain(events, heard.append), heard, executor


def records(root: Path, timed: Timed) -> list[LatencyRecord]:
    found = [Store(root).read(Store.LATENCY, key, LatencyRecord) for key in timed.latencies]
    return [record for record in found if record is not None]


def rounds_of(executor: Scripted) -> list[TimePair]:
    return [job for job in executor.all(TimePair) if job.pairs == PAIRS]


def sweeps_of(executor: Scripted) -> list[TimePair]:
    return [job for job in executor.all(TimePair) if job.pairs == throughput.PAIRS]


# How many rounds


@pytest.mark.parametrize(("enough", "rounds"), [(4, 5), (5, 5), (6, 10), (10, 10), (11, 16), (16, 16), (17, 16)])
def test_rounds_end_at_a_look_that_finds_the_ratio_known_to_half_the_margin(
    tmp_path: Path, enough: int, rounds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "timing_settled", lambda sessions, margin: len(sessions) >= enough and margin == 0.05)
    timed, heard, executor = time_(tmp_path, networks=(SMALL,))
    assert len(rounds_of(executor)) == rounds
    told = [event for event in heard if isinstance(event, RoundFinished)]
    assert [event.number for event in told] == list(range(1, rounds + 1))
    assert {each.number: each.further for each in told if each.further} == {
        after: further for after, further in ((6, 5), (11, 6)) if after <= rounds
    }
    (record,) = records(tmp_path, timed)
    assert len(record.sessions) == rounds
    assert record.calls == 6 * rounds
    assert len(record.conditions) == rounds


def test_a_known_ratio_is_settled_at_the_first_look_and_an_unknown_one_never(tmp_path: Path) -> None:
    _, _, executor = time_(tmp_path / "once", networks=(SMALL,))
    assert len(rounds_of(executor)) == LOOKS[0]
    _, _, executor = time_(tmp_path / "never", networks=(SMALL,), asked=NEVER)
    assert len(rounds_of(executor)) == LOOKS[-1]


def test_those_that_go_on_take_turns() -> None:
    def ratio(name: str, rounds: int) -> Iterator[RunEvent]:
        for number in range(1, rounds + 1):
            yield Noted(text=f"{name}{number}")
            yield RoundFinished(number=number, most=9)
        yield Noted(text=f"{name} is over")

    told = [each.text for each in take_turns([ratio("a", 1), ratio("b", 3), ratio("c", 2)]) if isinstance(each, Noted)]
    assert told == ["a1", "b1", "c1", "a is over", "b2", "c2", "b3", "c is over", "b is over"]


def test_rounds_of_one_ratio_have_those_of_the_others_between_them(tmp_path: Path) -> None:
    asked = LatencySpec(batch_sizes=(1, 8), largest_batch=1)
    timed, _, executor = time_(tmp_path, asked=asked)
    order = [(job.candidate, job.how.batch) for job in rounds_of(executor)]
    assert order == [(f"/nets/{name}.onnx", batch) for batch in (1, 8) for name in ("small", "big")] * 5
    assert all(record.apart for record in records(tmp_path, timed))


def pair_job(**changes: object) -> TimePair:
    content = {"candidate": "/a/one.onnx", "reference": "/b/two.onnx", "samples": "/c/samples.npy", "how": HOW}
    return TimePair(**{**content, "sessions": 1, "pairs": 8, **changes})


def test_rounds_that_break_off_are_returned_with_those_before(tmp_path: Path) -> None:
    done = [round_of(pair_job()), round_of(pair_job())]
    answers = iter([*done, Crashed(reason="its process was killed by SIGKILL")])
    where = place(tmp_path, executor=Scripted(lambda job: [next(answers)]))
    rounds, reason = api.drain(time_rounds(pair_job(), where, lambda sessions: False))
    assert rounds == done
    assert reason == "its process was killed by SIGKILL"


def test_a_reason_is_one_line_that_names_files_without_their_folders(tmp_path: Path) -> None:
    long = "Fail: load /a/one.onnx, /b/two.onnx, /c/samples.npy " + "x" * 400 + "\nTraceback ..."
    where = place(tmp_path, executor=Scripted(lambda job: [Crashed(reason=long)]))
    with pytest.raises(NoAnswer) as caught:
        api.drain(measure(pair_job(), where))
    text = str(caught.value)
    assert text.startswith("Fail: load one.onnx, two.onnx, samples.npy xxx")
    assert len(text) == 300


def test_a_job_is_told_both_files_the_way_and_the_samples(tmp_path: Path) -> None:
    _, _, executor = time_(tmp_path)
    assert [(job.candidate, job.reference) for job in rounds_of(executor)[:2]] == [
        ("/nets/small.onnx", "/nets/small.onnx"),
        ("/nets/big.onnx", "/nets/small.onnx"),
    ]
    (saving,) = executor.all(SaveSamples)
    assert (saving.data, saving.scale, saving.batch) == (DIGITS, "standard", 1)
    for job in executor.all(TimePair):
        assert (job.samples, job.how, job.dimensions) == (saving.path, HOW, ("batch",))
    assert {(job.sessions, job.pairs) for job in rounds_of(executor)} == {(1, PAIRS)} == {(1, 8)}
    assert not Path(saving.path).parent.exists()


def test_samples_are_enough_for_the_largest_batch_and_made_up_without_data(tmp_path: Path) -> None:
    asked = LatencySpec(batch_sizes=(100, 1), largest_batch=4)
    _, _, executor = time_(tmp_path, asked=asked, source=RandomSamples((3, 8, 8)))
    (saving,) = executor.all(SaveRandomSamples)
    assert (saving.shape, saving.batch) == ((3, 8, 8), 100)
    assert executor.asked[0] is saving


# What is recorded


def test_the_reference_comes_first_and_against_itself(tmp_path: Path) -> None:
    timed, heard, executor = time_(tmp_path)
    assert [type(job) for job in executor.asked] == [SaveSamples, *[TimePair] * 10]
    assert [job.cold for job in rounds_of(executor)] == [True] * 2 * COLD_STARTS + [False] * 4
    assert [(r.architecture, r.reference, r.kind) for r in records(tmp_path, timed)] == [
        ("small", "small", "noise"),
        ("big", "small", "latency"),
    ]
    measured = [event for event in heard if isinstance(event, LatencyMeasured)]
    assert [(event.label, event.key) for event in measured] == list(zip(["small", "big"], timed.latencies, strict=True))
    assert [(event.ratio, event.slice_pairs, event.tie) for event in measured] == [
        (pytest.approx(2.0, rel=1e-5), 10, False)
    ] * 2


def test_a_record_holds_what_was_measured_and_of_which_files(tmp_path: Path) -> None:
    timed, _, _ = time_(tmp_path, asked=NEVER)
    record = records(tmp_path, timed)[1]
    assert (record.trial, record.onnx_sha256, record.reference_sha256) == ("trial-big", "sha-big", "sha-small")
    assert (record.cold, record.energy, record.how) == ((COLD,) * 3, NO_COUNTER, HOW)
    assert sorted(session[0].candidate_p50 for session in record.sessions[:5]) == list(RATIOS)
    assert len(record.sessions) == 16
    assert record.call_microseconds == (2.0, 3.0) * 16
    assert record.conditions == ({"steal_seconds": 0.0},) * 16
    assert record.machine["versions"]


def test_energy_is_read_where_there_is_a_counter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "why_no_counter", lambda provider: None)
    read = Energy(joules=1.0, idle_watts=0.1, seconds=10.0, units=7, source="a counter")
    timed, _, executor = time_(
        tmp_path, lambda job: [read] if isinstance(job, ReadEnergy) else usual(job), networks=(SMALL,)
    )
    assert [record.energy for record in records(tmp_path, timed)] == [read]
    (job,) = executor.all(ReadEnergy)
    assert (job.onnx, job.how, job.seconds) == ("/nets/small.onnx", HOW, ENERGY_SECONDS)


def test_calls_of_many_rounds_are_thinned(tmp_path: Path) -> None:
    many = {"call_microseconds": tuple(float(n) for n in range(1, 1501)), "calls": 9000}

    def answer(job: Job[Any]) -> Iterable[Record]:
        return [round_of(job).model_copy(update=many)] if isinstance(job, TimePair) else usual(job)

    timed, _, _ = time_(tmp_path, answer, networks=(SMALL,), asked=NEVER)
    (record,) = records(tmp_path, timed)
    assert record.calls == 144_000
    assert len(record.call_microseconds) == 4800  # of 24,000, every fifth


def test_every_way_is_timed_for_every_network(tmp_path: Path) -> None:
    asked = LatencySpec(batch_sizes=(1, 8), spinning=(False, True), largest_batch=1)
    timed, _, _ = time_(tmp_path, asked=asked)
    found = [(record.architecture, record.how.batch, record.how.spinning) for record in records(tmp_path, timed)]
    assert found == [
        (name, batch, spinning) for spinning in (False, True) for batch in (1, 8) for name in ("small", "big")
    ]
    assert len(set(timed.latencies)) == 8


# What is not timed again


def test_what_is_in_the_store_is_not_timed_again(tmp_path: Path) -> None:
    asked = LatencySpec(batch_sizes=(1,), largest_batch=4)
    first, _, executor = time_(tmp_path, ties=(TWIN,), asked=asked)
    assert executor.asked
    again, heard, executor = time_(tmp_path, ties=(TWIN,), asked=asked)
    assert executor.asked == []
    assert heard == []
    assert again == first
    assert (len(first.latencies), len(first.throughputs)) == (3, 2)


@pytest.mark.parametrize(
    ("change", "jobs"),
    [
        ({"margin": 0.01}, 10),
        ({"batch_sizes": (1, 8)}, 10),
        ({"spinning": (False, True)}, 10),
        ({"largest_batch": 2}, 4),
    ],
)
def test_only_what_is_new_is_timed(tmp_path: Path, change: dict[str, object], jobs: int) -> None:
    first, _, _ = time_(tmp_path)
    again, _, executor = time_(tmp_path, asked=ONCE.model_copy(update=change))
    del executor.asked[0]  # the samples
    assert len(executor.asked) == jobs  # of two networks: five rounds each, or a sweep's batches
    assert set(again.latencies) >= set(first.latencies) or "margin" in change


def test_an_architecture_is_timed_once_whichever_trial_it_is_of(tmp_path: Path) -> None:
    first, _, _ = time_(tmp_path)
    other = network("other", 8, architecture="big")
    again, _, executor = time_(tmp_path, networks=(other, SMALL))
    assert executor.asked == []
    assert again.latencies == first.latencies


# Ties


def test_a_tie_takes_one_long_round_and_no_cold_start(tmp_path: Path) -> None:
    timed, heard, executor = time_(tmp_path, networks=(SMALL,), ties=(TWIN,), asked=NEVER)
    (_, tie) = records(tmp_path, timed)
    assert (tie.kind, tie.trial, tie.onnx_sha256, tie.reference_sha256) == (
        "tie",
        "trial-twin",
        "sha-twin",
        "sha-small",
    )
    assert len(tie.sessions) == 5
    assert (tie.cold, tie.apart) == ((), False)
    assert tie.energy == Energy(reason="read of one file per architecture")
    assert [(job.candidate, job.sessions) for job in executor.asked[17:]] == [("/nets/twin.onnx", 5)]
    assert isinstance(heard[-1], LatencyMeasured)
    assert heard[-1].label == "twin, tie check"


def test_every_tie_is_against_its_own_architecture_and_in_one_way(tmp_path: Path) -> None:
    large_twin = network("large twin", architecture="big")
    timed, _, _ = time_(tmp_path, ties=(TWIN, large_twin), asked=LatencySpec(batch_sizes=(8, 1), largest_batch=1))
    ties = [record for record in records(tmp_path, timed) if record.kind == "tie"]
    assert [(tie.onnx_sha256, tie.reference_sha256, tie.how.batch) for tie in ties] == [
        ("sha-twin", "sha-small", 8),
        ("sha-large twin", "sha-big", 8),
    ]


def test_another_file_is_another_tie(tmp_path: Path) -> None:
    time_(tmp_path, ties=(TWIN,))
    _, _, executor = time_(tmp_path, ties=(TWIN, network("third", architecture="small")))
    assert [job.candidate for job in executor.all(TimePair)] == ["/nets/third.onnx"]


# What cannot be timed


def of_big(job: Job[Any]) -> bool:
    return isinstance(job, TimePair) and job.candidate == "/nets/big.onnx"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ([Crashed(reason="its process was killed by SIGKILL")], "its process was killed by SIGKILL"),
        ([], "its job ended without an answer"),
    ],
)
@pytest.mark.parametrize("broken", [1, 4])
def test_what_breaks_is_missing_with_its_reason_and_the_others_go_on(
    tmp_path: Path, said: list[Record], reason: str, broken: int
) -> None:
    rounds = itertools.count(1)

    def answer(job: Job[Any]) -> Iterable[Record]:
        return said if of_big(job) and next(rounds) == broken else usual(job)

    timed, heard, _ = time_(tmp_path, answer, networks=(BIG, SMALL, network("third", 9)))
    assert [record.architecture for record in records(tmp_path, timed)] == ["small", "third"]
    assert [(missing.architecture, missing.how, missing.reason) for missing in timed.missing] == [("big", HOW, reason)]
    assert [event.what for event in heard if isinstance(event, LatencyMissing)] == timed.missing
    assert len(list((tmp_path / "latency").iterdir())) == 2


def test_what_broke_is_tried_again_by_the_next_run(tmp_path: Path) -> None:
    time_(tmp_path, lambda job: [Crashed(reason="no")] if of_big(job) else usual(job))
    timed, _, executor = time_(tmp_path)
    assert timed.missing == []
    assert [record.architecture for record in records(tmp_path, timed)] == ["small", "big"]
    assert len(executor.all(TimePair)) == 5
    assert all(map(of_big, executor.all(TimePair)))


def test_an_interrupted_run_goes_on_with_the_round_where_it_was(tmp_path: Path) -> None:
    asked = list[TimePair]()

    def answer(job: Job[Any]) -> Iterable[Record]:
        if isinstance(job, TimePair):
            if len(asked) == 7:
                raise KeyboardInterrupt
            asked.append(job)
        return usual(job)

    with pytest.raises(KeyboardInterrupt):
        time_(tmp_path, answer)
    assert [of_big(job) for job in asked] == [False, True, False, True, False, True, False]
    assert len(list((tmp_path / "rounds").iterdir())) == 7
    timed, _, executor = time_(tmp_path)
    assert [of_big(job) for job in executor.all(TimePair)] == [True, False, True]
    found = records(tmp_path, timed)
    assert [(record.architecture, len(record.sessions), len(record.cold)) for record in found] == [
        ("small", 5, 3), ("big", 5, 3),
    ]  # fmt: skip
    assert list((tmp_path / "rounds").iterdir()) == []


def test_without_samples_nothing_is_timed(tmp_path: Path) -> None:
    crashed = Crashed(reason="OSError: no space left on device")
    timed, _, executor = time_(tmp_path, lambda job: [crashed], asked=LatencySpec(batch_sizes=(1,)))
    assert [(missing.architecture, missing.reason) for missing in timed.missing] == [
        ("small", crashed.reason),
        ("big", crashed.reason),
    ]
    assert {type(job) for job in executor.asked} == {SaveSamples}


def test_bad_input_is_the_users_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such data"):
        time_(tmp_path, lambda job: [Refused(problems=(Problem("no such data"),))])


def test_a_way_that_is_impossible_here_asks_for_no_job(tmp_path: Path) -> None:
    asked = LatencySpec(batch_sizes=(1, 8), threads=(4096, 1), largest_batch=2)
    timed, _, executor = time_(tmp_path, ties=(TWIN,), asked=asked)
    assert [(missing.architecture, missing.how.batch) for missing in timed.missing] == [
        ("small", 1), ("big", 1), ("small", 8), ("big", 8),
    ]  # fmt: skip
    assert {missing.reason.partition(",")[0] for missing in timed.missing} == {"4096 threads were asked for"}
    assert {job.how.threads for job in executor.all(TimePair)} == {1}
    assert [record.how.threads for record in records(tmp_path, timed) if record.kind == "tie"] == [1]
    assert len(timed.throughputs) == 2


def test_where_nothing_is_possible_nothing_is_asked(tmp_path: Path) -> None:
    timed, _, executor = time_(tmp_path, ties=(TWIN,), asked=LatencySpec(threads=(4096,)))
    assert executor.asked == []
    assert (timed.latencies, timed.throughputs, len(timed.missing)) == ([], [], 4)


def test_half_precision_is_not_timed_on_a_cpu_and_says_why(tmp_path: Path) -> None:
    half = network("half", variant="fp16")
    quantized = network("quantized", variant="int8_static")
    asked = LatencySpec(batch_sizes=(1,), largest_batch=2)
    timed, _, executor = time_(tmp_path, networks=(SMALL, half, quantized), asked=asked)
    assert [record.architecture for record in records(tmp_path, timed)] == ["small", "quantized"]
    (missing,) = timed.missing
    assert missing.architecture == "half"
    assert missing.reason.startswith("half precision has no kernels on the CPU")
    assert "/nets/half.onnx" not in {job.candidate for job in executor.all(TimePair)}
    assert len(timed.throughputs) == 2


# Throughput


def test_batches_are_swept_once_for_each_way_but_the_batch(tmp_path: Path) -> None:
    asked = LatencySpec(batch_sizes=(1, 32), spinning=(False, True), largest_batch=4)
    timed, heard, executor = time_(tmp_path, asked=asked)
    swept = [(job.candidate, job.how.spinning, job.how.batch) for job in sweeps_of(executor)]
    assert swept == [
        (f"/nets/{name}.onnx", spinning, batch)
        for spinning in (False, True)
        for name in ("small", "big")
        for batch in (1, 2, 4)
    ]
    assert {job.reference for job in sweeps_of(executor)} == {"/nets/small.onnx"}
    measured = [event for event in heard if isinstance(event, ThroughputMeasured)]
    assert [(event.label, event.largest) for event in measured] == [("small", 4), ("big", 4)] * 2
    found = [Store(tmp_path).read(Store.THROUGHPUT, key, ThroughputRecord) for key in timed.throughputs]
    assert [(record.architecture, record.reference, record.ended) for record in found if record] == [
        ("small", "small", "the largest batch asked for, 4"),
        ("big", "small", "the largest batch asked for, 4"),
    ] * 2


def test_no_sweep_where_a_batch_of_one_is_the_largest(tmp_path: Path) -> None:
    timed, _, executor = time_(tmp_path)
    assert sweeps_of(executor) == []
    assert timed.throughputs == []


def test_a_sweep_that_breaks_at_once_leaves_the_others(tmp_path: Path) -> None:
    def answer(job: Job[Any]) -> Iterable[Record]:
        if isinstance(job, TimePair) and job.pairs == throughput.PAIRS and of_big(job):
            return [Crashed(reason="killed")]
        return usual(job)

    timed, _, _ = time_(tmp_path, answer, asked=LatencySpec(batch_sizes=(1,), largest_batch=4))
    assert len(timed.latencies) == 2
    assert len(timed.throughputs) == 1
    assert [missing.reason for missing in timed.missing] == ["batch 1: killed"]
