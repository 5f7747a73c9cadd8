import tracemalloc

import numpy as np
import pytest

from kdbench.analyze import latency
from kdbench.analyze.latency import judge_ratio, summarize_calls
from kdbench.results import SlicePair
from tests.records import slice_sessions


def test_percentiles_and_throughput_by_hand():
    found = summarize_calls([100.0] * 99 + [10_100.0], batch=4)
    assert (found.calls, found.minimum, found.p50) == (100, 100.0, 100.0)
    assert found.samples_per_second == pytest.approx(4 * 100 / 0.02)
    assert found.seconds == pytest.approx(0.02)


@pytest.mark.parametrize(
    ("calls", "p90", "p99"), [(63, False, False), (64, True, False), (661, True, False), (662, True, True)]
)
def test_percentiles_need_enough_calls(calls, p90, p99):
    found = summarize_calls(list(np.linspace(10, 20, calls)), batch=1)
    assert (found.p90 is not None, found.p99 is not None) == (p90, p99)


@pytest.mark.parametrize("calls", [[], [1.0, 0.0]])
def test_impossible_calls(calls):
    with pytest.raises(ValueError, match="positive"):
        summarize_calls(calls, 1)


def test_estimate_is_the_median_ratio():
    pairs = [SlicePair(candidate_p50=r, candidate_min=r, reference_p50=1.0, reference_min=1.0) for r in (1.1, 1.2, 1.5)]
    found = judge_ratio([pairs, pairs, pairs], margin=0.05)
    assert found.p50.estimate == pytest.approx(1.2)
    assert found.p50.lower >= 1.1
    assert found.p50.upper <= 1.5 + 1e-12
    assert (found.sessions, found.pairs) == (3, 9)


@pytest.mark.parametrize(("ratio", "status"), [(1.0, "pass"), (0.8, "pass"), (1.15, "fail"), (1.05, "undecided")])
def test_judgement_of_known_ratios(ratio, status):
    assert judge_ratio(slice_sessions(ratio, sessions=10), margin=0.05).status == status


def test_minimum_must_agree_before_it_fails():
    sessions = [
        [p.model_copy(update={"candidate_min": p.reference_min}) for p in session] for session in slice_sessions(1.2)
    ]
    assert judge_ratio(sessions, margin=0.05).status == "undecided"


def test_same_slices_same_bounds():
    sessions = slice_sessions(1.02)
    assert judge_ratio(sessions, 0.05) == judge_ratio(sessions, 0.05)


def test_a_family_widens_only_the_failing_bound():
    sessions = slice_sessions(1.06)
    alone, among = judge_ratio(sessions, 0.05), judge_ratio(sessions, 0.05, family=20)
    assert among.p50.lower_of_family < alone.p50.lower_of_family
    assert among.p50.upper == pytest.approx(alone.p50.upper, rel=0.002)


@pytest.mark.parametrize("sessions", [(), slice_sessions(2.0, sessions=2), ((), (), ())])
def test_too_few_sessions_decide_nothing(sessions):
    found = judge_ratio(sessions, 0.05)
    assert (found.status, found.p50) == ("undecided", None)


def test_a_time_of_zero_is_an_error():
    wrong = SlicePair(candidate_p50=0.0, candidate_min=1.0, reference_p50=1.0, reference_min=1.0)
    with pytest.raises(ValueError, match="positive"):
        judge_ratio([[wrong]] * 3, 0.05)


@pytest.mark.parametrize("sessions", [5, 15])
def test_false_alarms_are_rare_at_the_limit_itself(sessions):
    """Slower by exactly the margin, where a failure is the likeliest false alarm: at 1 %, 400 sets fail 4 times.

    More than 9 have a probability of 1 % (binomial).
    """
    found = [judge_ratio(slice_sessions(1.05, sessions, seed=seed), 0.05).status for seed in range(400)]
    assert found.count("fail") <= 9
    assert found.count("undecided") > 200  # the limit lies inside most intervals: the sets do test the bound


def test_the_same_model_never_fails():
    assert not any(judge_ratio(slice_sessions(1.0, seed=seed), 0.05).status == "fail" for seed in range(100))


def test_draws_stay_within_their_bound_and_chunks_change_nothing(monkeypatch):
    sessions = slice_sessions(1.02, sessions=30)
    tracemalloc.start()
    whole = judge_ratio(sessions, 0.05, family=36)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * latency.DRAWN_BYTES
    monkeypatch.setattr(latency, "DRAWN_BYTES", 2**20)
    chunked = judge_ratio(sessions, 0.05, family=36)
    assert chunked.status == whole.status
    assert chunked.p50.lower_of_family == pytest.approx(whole.p50.lower_of_family, rel=0.001)
    assert chunked.p50.upper == pytest.approx(whole.p50.upper, rel=0.001)


def test_a_ten_percent_slowdown_is_found():
    found = sum(judge_ratio(slice_sessions(1.10, seed=seed), 0.05).status == "fail" for seed in range(60))
    assert found >= 57
