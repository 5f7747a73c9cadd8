"""Whether the machine was quiet, and which files of one architecture tie."""

import math
from dataclasses import replace

import pytest

from kdbench.analyze import summarize
from kdbench.analyze.deployment.noise import check_noise, check_ties
from kdbench.spec import Entry
from tests.records import HOW, Shape, conditions, latency_record, make_results, pair_of, slice_sessions

BATCH_8 = HOW.model_copy(update={"batch": 8})


def noise(*told: dict[str, object], margin: float = 0.05, **changes: object):
    (found,) = check_noise([latency_record(conditions=told or (conditions(),), **changes)], margin)
    return found


def around(center: float, step: float):
    """Three sessions whose log ratios are a step apart. An interval of 3 looks is 2 x 7.6488 / sqrt(3) steps wide."""
    return tuple((pair_of(math.exp(center + n * step)),) for n in (-1, 0, 1))


@pytest.mark.parametrize(
    ("sessions", "trusted"),
    [
        (around(0.0, 0.005), True),  # 1 with a width of .0442
        (around(0.0, 0.006), False),  # .0530: wider than the margin
        (around(0.02, 0.005), True),  # 1 is still within
        (around(0.023, 0.005), False),  # from 1.0009: 1 is not
        (around(-0.023, 0.005), False),
        (slice_sessions(1.0)[:2], False),  # nobody knows
    ],
)
def test_noise_is_trusted_where_the_interval_holds_one_and_is_narrower_than_the_margin(sessions, trusted) -> None:
    assert noise(sessions=sessions).trusted == trusted


def test_a_wider_margin_trusts_more() -> None:
    sessions = around(0.0, 0.006)
    assert [noise(sessions=sessions, margin=margin).trusted for margin in (0.05, 0.06)] == [False, True]


def test_counters_are_summed_over_rounds_and_correlations_averaged() -> None:
    one = conditions(cpu_seconds=2.0, wall_seconds=2.5, lag_1_autocorrelation=0.1, involuntary_context_switches=4)
    two = conditions(cpu_seconds=1.0, wall_seconds=1.5, lag_1_autocorrelation=0.5, involuntary_context_switches=5)
    found = noise(one, {**two, "steal_seconds": 0.5})
    assert (found.cpu_share, found.lag_1, found.switches) == (0.75, pytest.approx(0.3), 9)
    assert found.steal_seconds == pytest.approx(0.51)


def test_counters_that_the_machine_lacks_are_unknown_not_zero() -> None:
    found = noise(conditions(steal_seconds=None, lag_1_autocorrelation=None), {})
    assert (found.steal_seconds, found.lag_1) == (None, None)
    assert noise({}).cpu_share is None


def test_only_the_reference_against_itself_shows_noise() -> None:
    other = latency_record(architecture="big")
    tie = latency_record(onnx_sha256="2" * 64)
    assert check_noise([other, tie], 0.05) == ()
    assert [found.how for found in check_noise([latency_record(how=BATCH_8), other, latency_record()], 0.05)] == [
        BATCH_8,
        HOW,
    ]


# Ties


def entry(loss: str) -> Entry:
    return Entry(pair="p", role="student", model="small", loss=loss, seed=0, key=loss)


FILES = {"1" * 64: entry("cross_entropy"), "2" * 64: entry("kd")}


def ties_of(sessions, files=FILES, margin: float = 0.05):
    return check_ties([latency_record(onnx_sha256="2" * 64, sessions=sessions, cold=())], files, margin)


def inside(low: float, high: float):
    """Sessions whose interval at one look is from `low` to `high`: t of 2 degrees of freedom is 4.30265."""
    center, half = math.log(low * high) / 2, math.log(high / low) / 2
    return around(center, half * math.sqrt(3) / 4.30265)


@pytest.mark.parametrize(
    ("low", "high", "ties"),
    [
        (0.96, 1.04, True),
        (0.951, 1.049, True),
        (1.02, 1.04, True),  # 1 is not within, but what differs is less than the margin
        (0.96, 1.06, None),  # reaches over the margin: undecided
        (0.94, 1.00, None),
        (0.5, 2.0, None),
        (1.06, 1.2, False),
        (0.8, 0.94, False),
    ],
)
def test_networks_tie_differ_or_nobody_knows(low: float, high: float, ties: bool | None) -> None:
    (found,) = ties_of(inside(low, high))
    assert found.ratio is not None
    assert (found.ratio.low, found.ratio.high) == pytest.approx((low, high), abs=1e-6)
    assert found.ties is ties
    assert (found.model, found.rows) == ("small", ("kd", "cross_entropy"))


def test_a_tie_of_too_few_sessions_is_undecided() -> None:
    (found,) = ties_of(slice_sessions(1.0)[:2])
    assert (found.ratio, found.ties) == (None, None)


def test_records_that_are_no_tie_or_of_files_nobody_knows_are_left_out() -> None:
    assert ties_of(slice_sessions(1.0), {"2" * 64: entry("kd")}) == ()
    assert check_ties([latency_record(), latency_record(architecture="big", onnx_sha256="2" * 64)], FILES, 0.05) == ()


def test_every_further_loss_of_a_student_is_held_against_the_first() -> None:
    losses = ("cross_entropy", "kd", "dkd")
    found = summarize(make_results(Shape(losses=losses, ties=True))).ties
    assert [(tie.model, tie.rows, tie.ties) for tie in found] == [
        ("small", ("kd", "cross_entropy"), True),
        ("small", ("dkd", "cross_entropy"), True),
    ]


def test_a_tie_is_told_though_the_architecture_was_timed_with_another_suites_file() -> None:
    results = make_results(Shape(ties=True))
    elsewhere = tuple(
        record if record.kind == "tie" else record.model_copy(update={"onnx_sha256": "f" * 64, "trial": "other"})
        for record in results.latencies
    )
    assert len(summarize(replace(results, latencies=elsewhere)).ties) == 1
