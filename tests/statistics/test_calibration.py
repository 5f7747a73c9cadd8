"""The expected calibration error by hand."""

import pytest

from kdbench.statistics.calibration import expected_calibration_error


def test_by_hand():
    # 4 samples of confidence .6 on average, 3 right: gap .15; 1 sample of .9, wrong: gap .9; an empty bin.
    # (4 x .15 + 1 x .9) / 5 = .3
    assert expected_calibration_error([4, 0, 1], [2.4, 0.0, 0.9], [3, 0, 0]) == pytest.approx(0.3)


def test_gaps_of_two_bins_do_not_cancel():
    # Over- and underconfident by .2 each: over all samples the means agree, the bins do not.
    assert expected_calibration_error([10, 10], [8.0, 5.0], [6, 7]) == pytest.approx(0.2)
    assert expected_calibration_error([20], [13.0], [13]) == 0


def test_no_samples_is_no_figure():
    assert expected_calibration_error([0, 0], [0.0, 0.0], [0, 0]) is None


@pytest.mark.parametrize("bins", [([1], [0.5], [2]), ([-1], [0.5], [0]), ([1], [-0.5], [1]), ([1, 2], [0.5], [1])])
def test_bins_that_cannot_be(bins):
    with pytest.raises(ValueError, match=r"bin|zip"):
        expected_calibration_error(*bins)
