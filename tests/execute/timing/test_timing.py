"""How much is timed, in which order, and what is not timed again: the executor is scripted, nothing is measured."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest

from kdbench import api
from kdbench.execute.timing.rounds import time_rounds
from kdbench.execute.timing.timing import Network, Timed, time_networks
from kdbench.execute.workers.executors import Item
from kdbench.execute.workers.messages import (
    ColdStarted,
    Crashed,
    LatencyMeasured,
    LatencyMissing,
    Message,
    Refused,
    RoundTimed,
    Swept,
    Unanswered,
)
from kdbench.results import LatencyRecord, Store
from kdbench.results.timings import BatchTimed, ColdStart, Energy, ThroughputRecord, slice_p50s
from kdbench.spec import How, LatencySpec, Problem, UserError
from kdbench.statistics.ratios import estimate_ratio
from tests.execute.running import Scripted, place
from tests.records import HOW, pair_of

SESSION = (pair_of(2.0), pair_of(2.0))
SESSIONS = tuple((pair_of(ratio), pair_of(ratio)) for ratio in (1.998, 1.999, 2.0, 2.001, 2.002))
ROUND = RoundTimed(sessions=SESSIONS, calls=30, call_microseconds=(2.0, 3.0), conditions={"steal_seconds": 0.0})
COLD = ColdStarted(
    starts=(ColdStart(load_seconds=0.1, first_run_seconds=0.01, memory_bytes=7),), energy=Energy(reason="no counter")
)
INPUTS = {"data": {"dataset": {"use": "digits"}}}
ONCE = LatencySpec(batch_sizes=(1,), largest_batch=1)  # one round settles the ratio to its margin
NEVER = ONCE.model_copy(update={"margin": 1e-6})


def network(name: str, flops: int = 1, architecture: str = "", **changes: str) -> Network:
    content = {"trial": f"trial-{name}", "label": name, "architecture": architecture or name, "sha256": f"sha-{name}"}
    return Network(**{**content, "onnx": Path(f"{name}.onnx"), "flops": flops, **changes})  # type: ignore[arg-type]


SMALL, BIG = network("small"), network("big", 8)
TWIN = network("twin", architecture="small")


def usual(stage: str, item: Item) -> Iterable[Message]:
    """Everything goes well."""
    if stage == "time_pair":
        yield ROUND
    if stage == "start_cold":
        yield COLD
    if stage == "sweep_batches":
        timed = BatchTimed(batch=1, sessions=(SESSION,))
        yield Swept(label=item["label"], how=How.model_validate(item["how"]), batches=(timed,), ended="enough")


def time_(
    root: Path,
    answer: Callable[[str, Item], Iterable[Message]] = usual,
    networks: Sequence[Network] = (BIG, SMALL),
    ties: Sequence[Network] = (),
    asked: LatencySpec = ONCE,
) -> tuple[Timed, list[Message], Scripted]:
    executor, heard = Scripted(answer), list[Message]()
    timing = time_networks(networks, SMALL, ties, asked, INPUTS, place(root, executor=executor))
    return api.drain(timing, heard.append), heard, executor


def records(root: Path, timed: Timed) -> list[LatencyRecord]:
    found = [Store(root).read(Store.LATENCY, key, LatencyRecord) for key in timed.latencies]
    return [record for record in found if record is not None]


# How many rounds


@pytest.mark.parametrize(("enough", "rounds"), [(1, 1), (2, 3), (3, 3), (4, 6), (6, 6), (7, 6)])
def test_rounds_end_at_a_look_that_finds_the_ratio_known_to_half_the_margin(
    tmp_path: Path, enough: int, rounds: int
) -> None:
    known = estimate_ratio(slice_p50s(ROUND.sessions * enough))
    assert known is not None
    asked = ONCE.model_copy(update={"margin": 2.001 * known.half_width})
    timed, _, executor = time_(tmp_path, networks=(SMALL,), asked=asked)
    assert executor.count("time_pair") == rounds
    (record,) = records(tmp_path, timed)
    assert len(record.sessions) == 5 * rounds
    assert record.calls == 30 * rounds
    assert len(record.conditions) == rounds


def test_rounds_that_break_off_are_told_with_those_before(tmp_path: Path) -> None:
    answers = iter([ROUND, ROUND, Unanswered(reason="the latency worker was killed by SIGKILL")])
    where = place(tmp_path, executor=Scripted(lambda stage, item: [next(answers)]))
    timing = time_rounds(Path("a.onnx"), Path("b.onnx"), HOW, INPUTS, where, lambda sessions: False)
    rounds, reason = api.drain(timing)
    assert rounds == [ROUND, ROUND]
    assert reason == "the latency worker was killed by SIGKILL"


def test_a_job_is_told_both_files_the_way_and_where_images_come_from(tmp_path: Path) -> None:
    _, _, executor = time_(tmp_path)
    items = [item for stage, item in executor.asked if stage == "time_pair"]
    assert [(item["candidate"], item["reference"]) for item in items] == [
        ("small.onnx", "small.onnx"),
        ("big.onnx", "small.onnx"),
    ]
    assert all(item["data"] == INPUTS["data"] for _, item in executor.asked)
    assert all(How.model_validate(item["how"]) == HOW for _, item in executor.asked)


# What is recorded


def test_the_reference_comes_first_and_against_itself(tmp_path: Path) -> None:
    timed, heard, executor = time_(tmp_path)
    assert [stage for stage, _ in executor.asked] == ["start_cold", "time_pair"] * 2
    assert [(r.architecture, r.reference, r.kind) for r in records(tmp_path, timed)] == [
        ("small", "small", "noise"),
        ("big", "small", "latency"),
    ]
    told = [message for message in heard if isinstance(message, LatencyMeasured)]
    assert [(message.label, message.key) for message in told] == list(
        zip(["small", "big"], timed.latencies, strict=True)
    )
    assert [(message.p50_microseconds, message.slice_pairs) for message in told] == [(2.5, 10)] * 2


def test_a_record_holds_what_was_measured_and_of_which_files(tmp_path: Path) -> None:
    timed, _, _ = time_(tmp_path, asked=NEVER)
    record = records(tmp_path, timed)[1]
    assert (record.trial, record.onnx_sha256, record.reference_sha256) == ("trial-big", "sha-big", "sha-small")
    assert (record.cold, record.energy, record.how) == (COLD.starts, COLD.energy, HOW)
    assert record.sessions == ROUND.sessions * 6
    assert record.call_microseconds == ROUND.call_microseconds * 6
    assert record.conditions == (ROUND.conditions,) * 6
    assert record.machine["versions"]


def test_calls_of_many_rounds_are_thinned(tmp_path: Path) -> None:
    many = ROUND.model_copy(update={"call_microseconds": tuple(float(n) for n in range(1, 4001)), "calls": 9000})
    timed, _, _ = time_(
        tmp_path, lambda stage, item: [many] if stage == "time_pair" else [COLD], networks=(SMALL,), asked=NEVER
    )
    (record,) = records(tmp_path, timed)
    assert record.calls == 54_000
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
    [({"margin": 0.01}, 4), ({"batch_sizes": (1, 8)}, 4), ({"spinning": (False, True)}, 4), ({"largest_batch": 2}, 2)],
)
def test_only_what_is_new_is_timed(tmp_path: Path, change: dict[str, object], jobs: int) -> None:
    first, _, _ = time_(tmp_path)
    again, _, executor = time_(tmp_path, asked=ONCE.model_copy(update=change))
    assert len(executor.asked) == jobs  # of two networks: a cold start and a round, or a sweep
    assert set(again.latencies) >= set(first.latencies) or "margin" in change


def test_an_architecture_is_timed_once_whichever_trial_it_is_of(tmp_path: Path) -> None:
    first, _, _ = time_(tmp_path)
    other = network("other", 8, architecture="big")
    again, _, executor = time_(tmp_path, networks=(other, SMALL))
    assert executor.asked == []
    assert again.latencies == first.latencies


# Ties


def test_a_tie_takes_one_round_and_no_cold_start(tmp_path: Path) -> None:
    timed, heard, executor = time_(tmp_path, networks=(SMALL,), ties=(TWIN,), asked=NEVER)
    (_, tie) = records(tmp_path, timed)
    assert (tie.kind, tie.trial, tie.onnx_sha256, tie.reference_sha256) == (
        "tie",
        "trial-twin",
        "sha-twin",
        "sha-small",
    )
    assert len(tie.sessions) == 5
    assert tie.cold == ()
    assert tie.energy == Energy(reason="read of one file per architecture")
    assert executor.count("start_cold") == 1
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
    assert [item["candidate"] for _, item in executor.asked] == ["third.onnx"]


# What cannot be timed


def impossible(item: Item) -> bool:
    return item.get("candidate", item.get("onnx")) == "big.onnx"


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (Unanswered(reason="the latency worker was killed by SIGKILL"), "the latency worker was killed by SIGKILL"),
        (Crashed(reason="its process died: signal 9"), "its process died: signal 9"),
        (None, "its job ended without a word"),
        (COLD.model_copy(update={"kind": "cold"}), None),
    ],
)
@pytest.mark.parametrize("broken", ["start_cold", "time_pair"])
def test_what_breaks_is_missing_with_its_reason_and_the_others_go_on(
    tmp_path: Path, message: Message | None, reason: str | None, broken: str
) -> None:
    if reason is None:
        broken, reason = "time_pair", "its job ended without a word"  # it answered with something else

    def answer(stage: str, item: Item) -> Iterable[Message]:
        return (message,) * (message is not None) if stage == broken and impossible(item) else usual(stage, item)

    timed, heard, _ = time_(tmp_path, answer, networks=(BIG, SMALL, network("third", 9)))
    assert [record.architecture for record in records(tmp_path, timed)] == ["small", "third"]
    assert [(missing.architecture, missing.how, missing.reason) for missing in timed.missing] == [("big", HOW, reason)]
    assert [message.what for message in heard if isinstance(message, LatencyMissing)] == timed.missing
    assert len(list((tmp_path / "latency").iterdir())) == 2


def test_what_broke_is_tried_again_by_the_next_run(tmp_path: Path) -> None:
    time_(tmp_path, lambda stage, item: [Unanswered(reason="no")] if impossible(item) else usual(stage, item))
    timed, _, executor = time_(tmp_path)
    assert timed.missing == []
    assert all(impossible(item) for _, item in executor.asked)


def test_bad_input_is_the_users_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such data"):
        time_(tmp_path, lambda stage, item: [Refused(problems=(Problem("no such data"),))])


def test_a_way_that_is_impossible_here_asks_for_no_job(tmp_path: Path) -> None:
    asked = LatencySpec(batch_sizes=(1, 8), threads=(4096, 1), largest_batch=2)
    timed, _, executor = time_(tmp_path, ties=(TWIN,), asked=asked)
    assert [(missing.architecture, missing.how.batch) for missing in timed.missing] == [
        ("small", 1), ("big", 1), ("small", 8), ("big", 8),
    ]  # fmt: skip
    assert {missing.reason.partition(",")[0] for missing in timed.missing} == {"4096 threads were asked for"}
    assert {item["how"]["threads"] for _, item in executor.asked} == {1}
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
    assert "half.onnx" not in {item.get("onnx") for _, item in executor.asked}
    assert len(timed.throughputs) == 2


# Throughput


def test_batches_are_swept_once_for_each_way_but_the_batch(tmp_path: Path) -> None:
    asked = LatencySpec(batch_sizes=(1, 32), spinning=(False, True), largest_batch=16)
    timed, heard, executor = time_(tmp_path, asked=asked)
    swept = [item for stage, item in executor.asked if stage == "sweep_batches"]
    assert [(item["label"], item["onnx"], item["how"]["spinning"], item["how"]["batch"]) for item in swept] == [
        ("small", "small.onnx", False, 1),
        ("big", "big.onnx", False, 1),
        ("small", "small.onnx", True, 1),
        ("big", "big.onnx", True, 1),
    ]
    assert {(item["reference"], item["largest"]) for item in swept} == {("small.onnx", 16)}
    assert sum(isinstance(message, Swept) for message in heard) == 4
    found = [Store(tmp_path).read(Store.THROUGHPUT, key, ThroughputRecord) for key in timed.throughputs]
    assert [(record.architecture, record.reference, record.ended) for record in found if record] == [
        ("small", "small", "enough"),
        ("big", "small", "enough"),
    ] * 2


def test_no_sweep_where_a_batch_of_one_is_the_largest(tmp_path: Path) -> None:
    timed, _, executor = time_(tmp_path)
    assert executor.count("sweep_batches") == 0
    assert timed.throughputs == []


def test_a_sweep_that_breaks_leaves_the_others(tmp_path: Path) -> None:
    def answer(stage: str, item: Item) -> Iterable[Message]:
        if stage == "sweep_batches" and impossible(item):
            return [Unanswered(reason="batch 1: killed")]
        return usual(stage, item)

    timed, _, _ = time_(tmp_path, answer, asked=LatencySpec(batch_sizes=(1,), largest_batch=4))
    assert len(timed.latencies) == 2
    assert len(timed.throughputs) == 1
