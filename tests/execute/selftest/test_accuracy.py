"""Trials of the accuracy gate: what is lost is lost exactly, and the gate's errors on it."""

import numpy as np
import pytest

from kdbench.execute.selftest.accuracy import SAMPLES, SD, accuracy_trials, lose


def test_so_many_samples_are_lost_of_each_network_and_none_is_gained() -> None:
    random = np.random.default_rng(0)
    before = random.random((4, 1000)) < 0.9
    after = lose(before, 0.02, random)
    assert (before.sum(axis=1) - after.sum(axis=1)).tolist() == [20] * 4
    assert not (after & ~before).any()
    assert (before ^ after).sum() == 80


def test_seeds_differ_as_they_are_said_to() -> None:
    """Of a beta distribution, p (1 - p) is a b / ((a + b) (a + b + 1)) = .045 on average."""
    assert pytest.approx((0.045 / SAMPLES) ** 0.5, rel=0.02) == SD


def test_no_false_alarm_and_few_misses() -> None:
    same, lost = accuracy_trials(0.01, 60)
    assert (same.truth, same.regressed, same.failed, same.undecided) == ("the same recipe", False, 0, 0) or (
        same.failed == 0 and same.undecided <= 3
    )
    assert (lost.truth, lost.rule) == ("1 points lost", "kdbench check, may drop 0.5 points")
    assert lost.wrong <= 5  # 2 % are missed: more than 5 of 60 have p < .001
    assert same.effort is not None
    assert 8 <= same.effort < 10  # of 8 seeds, 24 where that decides nothing
