"""Histories: hand-worked chains of baselines, intervals and changes."""

import math

import pytest
from scipy import stats

from kdbench.analyze.history import Series, history_of
from tests.checks import check, creeping, latency, parameters, top1


def only(*checks: object) -> Series:
    (series,) = history_of(checks)  # type: ignore[arg-type]
    return series


def test_a_figure_that_repeats_is_steady() -> None:
    series = only(*(check(n, top1(0.9)) for n in range(10)))
    assert len(series.levels) == 1
    assert (series.change, series.worse, series.beyond) == (0.0, False, False)
    assert series.allowed == 0.005


def test_the_interval_of_a_check_follows_from_its_bounds() -> None:
    point = only(check(1, top1(0.9, half=0.002))).points[0]
    error = 0.004 / (stats.t.ppf(0.95, 4) + stats.t.ppf(0.99, 4))
    assert point.interval.high - 0.9 == pytest.approx(stats.t.ppf(0.975, 4) * error)
    assert 0.9 - point.interval.low == pytest.approx(stats.t.ppf(0.975, 4) * error)


def test_a_drop_has_its_date_its_size_and_its_interval() -> None:
    series = only(*(check(n, top1(0.9 if n < 8 else 0.88, half=0.001)) for n in range(16)))
    before, after = series.levels
    assert after.points[0].check.run == "run-8"
    assert (before.mean, after.mean) == (pytest.approx(0.9), pytest.approx(0.88))
    assert series.change == pytest.approx(-0.02)
    noise = math.sqrt(0.02**2 / 15 / 2)  # of successive differences: more than the checks' own error
    half = stats.t.ppf(0.975, 14) * noise * math.sqrt(2 / 8)
    assert series.interval.high == pytest.approx(-0.02 + half)
    assert series.worse
    assert series.beyond  # -.0161 at the least, .005 allowed


def test_a_rise_of_accuracy_is_a_change_and_not_worse() -> None:
    series = only(*(check(n, top1(0.9 if n < 8 else 0.92)) for n in range(16)))
    assert len(series.levels) == 2
    assert not series.worse


def test_counts_tell_every_change() -> None:
    series = only(*(check(n, parameters(1000 + 8 * (n == 2))) for n in range(3)))
    assert [level.mean for level in series.levels] == [pytest.approx(1000), pytest.approx(1008)]
    assert series.change == pytest.approx(0.008)
    assert series.interval is None
    assert series.beyond  # nothing is allowed


def test_ratios_of_baselines_that_were_frozen_from_checked_runs_are_multiplied() -> None:
    series = only(
        check(1, latency(1.02), baseline="run-0"),
        check(2, latency(1.01), baseline="run-1"),
        check(3, latency(1.03), baseline="run-2"),
    )
    assert series.what == "p / student / kd / cpu"
    assert [point.value for point in series.points] == [
        pytest.approx(each) for each in (1.02, 1.02 * 1.01, 1.02 * 1.01 * 1.03)
    ]


def test_a_network_that_was_timed_goes_on_in_its_series_whatever_run_its_baseline_is_of() -> None:
    series = only(
        check(1, latency(1.02, ("a", "b")), baseline="run-0"),
        check(2, latency(1.01, ("b", "c")), baseline="unchecked"),
        check(3, latency(0.99, ("a", "a")), baseline="run-0"),
    )
    assert [point.value for point in series.points] == [pytest.approx(each) for each in (1.02, 1.02 * 1.01, 0.99)]


def test_a_network_that_no_check_timed_begins_a_series_of_its_own() -> None:
    found = history_of(
        [check(1, latency(1.02, ("a", "b"))), check(2, latency(1.01, ("new", "newer")), baseline="unchecked")]
    )
    assert [each.what for each in found][1:] == ["p / student / kd / cpu, since the baseline of run unchecked"]


def test_a_baseline_of_another_origin_begins_a_series_of_its_own() -> None:
    found = history_of([check(1, latency(1.02)), check(2, latency(1.01), baseline="elsewhere")])
    assert [(each.what, len(each.points)) for each in found] == [
        ("p / student / kd / cpu", 1),
        ("p / student / kd / cpu, since the baseline of run elsewhere", 1),
    ]


def test_a_slow_drift_that_every_check_lets_pass_is_found() -> None:
    checks = creeping(60)
    assert max(check.figures[0].estimate for check in checks) < 1.05
    first, *_ = (each for each in history_of(checks) if each.kind == "latency")
    assert len(first.points) == 60
    assert first.beyond
    assert first.change == pytest.approx(0.002 * 60, rel=0.25)
