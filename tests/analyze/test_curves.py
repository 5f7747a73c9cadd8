import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdbench.analyze.curves import fit_line, mean_curve
from kdbench.results import CurvePoint


def curve(*top1):
    return [
        CurvePoint(epoch=e, samples=100 * e, train_loss=None, validation_loss=1.0, validation_top1=v)
        for e, v in enumerate(top1)
    ]


def test_exact_line():
    found = fit_line([0, 1, 2, 3], [0.1, 0.3, 0.5, 0.7])
    assert (found.slope, found.intercept) == (pytest.approx(0.2), pytest.approx(0.1))
    assert found.r_squared == pytest.approx(1)


def test_hand_worked_line():
    # mean (1, 2); slope = (-1*-1 + 1*0) / 2 = 1/2, intercept 3/2, residuals (-.5, 1, -.5) -> R2 = 1 - 1.5/2
    found = fit_line([0, 1, 2], [1, 3, 2])
    assert (found.slope, found.intercept, found.r_squared) == (0.5, 1.5, pytest.approx(0.25))


def test_flat_curve_has_no_r_squared():
    found = fit_line([0, 1, 2], [0.3, 0.3, 0.3])
    assert found.slope == pytest.approx(0)
    assert found.r_squared is None


def test_one_point_has_no_line():
    assert fit_line([3], [0.5]) is None
    assert fit_line([3, 3], [0.5, 0.6]) is None
    with pytest.raises(ValueError, match="2 x values against 1"):
        fit_line([1, 2], [1])


@given(st.lists(st.floats(0, 1), min_size=2, max_size=30))
def test_line_agrees_with_numpy(values):
    found = fit_line(range(len(values)), values)
    slope, intercept = np.polyfit(range(len(values)), values, 1)
    assert (found.slope, found.intercept) == (pytest.approx(slope, abs=1e-9), pytest.approx(intercept, abs=1e-9))


def test_mean_with_lowest_and_highest_seed():
    found = mean_curve([curve(0.1, 0.5), curve(0.3, 0.9)])
    assert found.epochs == (0, 1)
    assert found.mean == (pytest.approx(0.2), pytest.approx(0.7))
    assert (found.low, found.high, found.seeds) == ((0.1, 0.5), (0.3, 0.9), 2)


def test_an_early_stop_ends_the_mean():
    found = mean_curve([curve(0.1, 0.5, 0.6), curve(0.3, 0.9)])
    assert found.epochs == (0, 1)


def test_nothing_to_average():
    assert mean_curve([]) is None
    assert mean_curve([[], curve(0.1)]) is None
