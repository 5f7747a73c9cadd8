"""Change points: hand-worked noise and steps, and how often noise alone is cut."""

import math

import numpy as np
import pytest

from kdbench.statistics.checks.change_points import FEWEST, change_points, noise_of

LOW, HIGH = [0.0, 1.0] * 3, [5.0, 6.0] * 3


def test_noise_is_that_of_successive_differences() -> None:
    assert noise_of([0.0, 1.0, 0.0, 1.0]) == pytest.approx(math.sqrt(1 / 2))
    assert noise_of([*LOW, *HIGH]) == pytest.approx(math.sqrt((10 * 1 + 16) / 11 / 2))  # one step of 4


def test_noise_is_no_less_than_the_usual_error_of_a_point() -> None:
    assert noise_of([0.0, 1.0, 0.0, 1.0], [2.0, 3.0, 40.0]) == 3.0
    assert noise_of([7.0], [2.0]) == 2.0
    assert noise_of([7.0]) == 0.0


def test_a_step_is_found_where_it_is() -> None:
    # It explains 6 x 6 / 12 x 5 ** 2 / 1.18 = 63 variances, of which 5 ln 12 = 12.4 are asked.
    assert change_points([*LOW, *HIGH]) == [6]
    assert change_points([*LOW, *HIGH, *LOW]) == [6, 12]


def test_a_step_within_the_errors_of_the_points_is_none() -> None:
    # 63 x 1.18 / 3 ** 2 = 8.3 variances.
    assert change_points([*LOW, *HIGH], [3.0] * 12) == []


def test_one_point_that_lies_apart_is_no_change() -> None:
    assert change_points([0.0, 1.0, 0.0, 1.0, 0.0, 9.0, 0.0, 1.0, 0.0, 1.0]) == []


def test_few_points_and_equal_points_have_none() -> None:
    assert change_points([0.0, 0.1, 9.0, 9.1][:FEWEST]) == []
    assert change_points([3.0] * 20) == []


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_units_do_not_matter(scale: float) -> None:
    assert change_points([scale * value for value in (*LOW, *HIGH)]) == [6]


def test_noise_alone_is_seldom_cut_and_a_slow_drift_is_found() -> None:
    random = np.random.default_rng(1)
    noise = random.normal(size=(150, 30))
    assert sum(bool(change_points(row.tolist())) for row in noise) <= 3  # 2 %
    drift = 6 * np.arange(30) / 30  # .2 SD from one to the next
    assert sum(bool(change_points((row + drift).tolist())) for row in noise) >= 148
