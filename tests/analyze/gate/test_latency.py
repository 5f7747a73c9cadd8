"""Latency against a baseline's files: pass, regressed or inconclusive, and the error that comparisons share."""

import math

import pytest

from kdbench.analyze.gate.latency import judge_latencies
from kdbench.results import LatencyComparison
from tests.records import HOW, slice_sessions


def compared(ratio):
    return LatencyComparison(
        what="big -> small / student / kd",
        how=HOW,
        sessions=slice_sessions(ratio) if ratio else (),
        reason=None if ratio else "no file",
    )


def judged(*ratios):
    return judge_latencies([compared(ratio) for ratio in ratios], 0.05)


@pytest.mark.parametrize(("ratio", "status"), [(1.0, "pass"), (1.2, "regressed"), (1.05, "inconclusive")])
def test_a_ratio_is_judged_by_its_bounds(ratio, status):
    (found,) = judged(ratio)
    assert (found.status, found.improved, found.limit, found.n) == (status, False, 1.05, 5)
    assert "over 5 sessions of 40 pairs of slices, allowed x1.050" in found.message
    assert found.lower < found.estimate < found.upper
    assert found.current / found.baseline == pytest.approx(ratio, rel=0.01)
    wider = (
        f"a quieter machine may decide it, or a gate with may_rise = {math.ceil(1000 * (found.upper - 1)) / 1000:.3f}"
    )
    assert found.message.endswith(wider) == (status == "inconclusive")


def test_a_faster_file_is_an_improvement():
    (found,) = judged(0.8)
    assert (found.status, found.improved) == ("pass", True)
    assert found.upper < 1


def test_what_was_not_timed_takes_no_share_of_the_error():
    lower = [judged(*ratios)[0].lower for ratios in ([1.08], [1.08] + [None] * 20, [1.08] * 5)]
    assert lower[0] == lower[1] > lower[2]


def test_what_was_not_measured_is_inconclusive_with_its_reason():
    (found,) = judged(None)
    assert (found.status, found.message, found.measured) == ("inconclusive", "not measured: no file", False)


def test_few_sessions_are_inconclusive():
    few = compared(1.0).model_copy(update={"sessions": slice_sessions(1.0, sessions=2)})
    (found,) = judge_latencies([few], 0.05)
    assert (found.status, found.message) == ("inconclusive", "2 sessions are too few: their spread is unknown")
