"""Three tasks by hand, in tenths of accuracy."""

import math

import numpy as np
import pytest

from kdbench.statistics.teaching.streams import average_accuracy, backward_transfer, forgetting, forward_transfer

#                  task 1 task 2 task 3
MATRIX = np.array([[0.9, 0.5, 0.2], [0.6, 0.8, 0.4], [0.7, 0.3, 1.0]])


def test_by_hand() -> None:
    assert average_accuracy(MATRIX) == pytest.approx((0.7 + 0.3 + 1.0) / 3)
    assert backward_transfer(MATRIX) == pytest.approx(((0.7 - 0.9) + (0.3 - 0.8)) / 2)
    assert forward_transfer(MATRIX, np.array([0.1, 0.2, 0.3])) == pytest.approx(((0.5 - 0.2) + (0.4 - 0.3)) / 2)
    # The best before the end: 0.9 of task 1 (after it was learned), 0.8 of task 2.
    assert forgetting(MATRIX) == pytest.approx(((0.9 - 0.7) + (0.8 - 0.3)) / 2)


def test_a_task_that_was_known_better_later_is_forgotten_from_there() -> None:
    later = np.array([[0.5, 0.0, 0.0], [0.9, 0.8, 0.0], [0.6, 0.8, 1.0]])
    assert forgetting(later) == pytest.approx(((0.9 - 0.6) + 0.0) / 2)
    assert backward_transfer(later) == pytest.approx(((0.6 - 0.5) + 0.0) / 2)


def test_what_was_not_measured_above_the_diagonal_does_not_matter_at_the_end() -> None:
    lower = np.where(np.tri(3, dtype=bool), MATRIX, np.nan)
    assert forgetting(lower) == forgetting(MATRIX)
    assert backward_transfer(lower) == backward_transfer(MATRIX)
    assert math.isnan(forward_transfer(lower, np.zeros(3)))


def test_a_single_task_forgets_nothing_that_could_be_told() -> None:
    one = np.array([[0.9]])
    assert average_accuracy(one) == 0.9
    for figure in (forgetting(one), backward_transfer(one), forward_transfer(one, np.array([0.5]))):
        assert math.isnan(figure)
