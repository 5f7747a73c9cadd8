import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdbench.statistics.curves import area_under, areas, fit_line, mean_curve


def curve(*top1):
    """An evaluation every epoch."""
    return list(range(len(top1))), list(top1)


def by_samples(*top1):
    """Likewise, of 100 samples."""
    return [100 * epoch for epoch in range(len(top1))], list(top1)


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
    assert mean_curve([curve(), curve(0.1)]) is None


def test_area_by_hand():
    # Trapezoids .2 * 100 and .6 * 300, over 400
    assert area_under([0, 100, 400], [0.1, 0.3, 0.9]) == pytest.approx((20 + 180) / 400)
    # In log samples 0 is left out; 100 to 200 and 200 to 800 are one doubling and two.
    assert area_under([0, 100, 200, 800], [0.0, 0.3, 0.5, 0.9], log=True) == pytest.approx((0.4 + 2 * 0.7) / 3)


def test_area_up_to_an_end():
    # Cut at 250, half way from .3 to .9: .2 * 100 + .45 * 150, over 250
    assert area_under([0, 100, 400], [0.1, 0.3, 0.9], end=250) == pytest.approx((20 + 67.5) / 250)
    # Half way in log samples from 100 to 400 is 200.
    assert area_under([0, 100, 400], [0.1, 0.3, 0.9], log=True, end=200) == pytest.approx((0.3 + 0.6) / 2)
    assert area_under([0, 100, 400], [0.1, 0.3, 0.9], end=401) is None


def test_nothing_under_a_point():
    assert area_under([], []) is None
    assert area_under([5], [0.5]) is None
    assert area_under([0, 5], [0.5, 0.6], log=True) is None
    with pytest.raises(ValueError, match="must rise"):
        area_under([5, 5], [0.5, 0.6])
    with pytest.raises(ValueError, match="2 sample counts against 1"):
        area_under([5, 6], [0.5])


@given(st.lists(st.floats(0, 1), min_size=2, max_size=20), st.booleans())
def test_an_area_is_a_height_of_the_curve(values, log):
    area = area_under(range(1, len(values) + 1), values, log)
    assert min(values) - 1e-9 <= area <= max(values) + 1e-9
    assert area_under(range(1, len(values) + 1), [0.3] * len(values), log) == pytest.approx(0.3)


def test_areas_of_all_seeds_end_together():
    # The longer curve is cut at 200, where the shorter one ends: .2 and .4 on average.
    end, found = areas([by_samples(0.1, 0.2, 0.3), by_samples(0.3, 0.4, 0.5, 0.9)])
    assert end == 200
    assert found.values == (pytest.approx(0.2), pytest.approx(0.4))
    assert found.interval.low < found.mean < found.interval.high
    assert areas([by_samples(0.1, 0.2, 0.3), by_samples(0.3, 0.4, 0.5, 0.9)], end=250) is None
    assert areas([]) is None
    assert areas([by_samples(), by_samples(0.1, 0.2)]) is None
