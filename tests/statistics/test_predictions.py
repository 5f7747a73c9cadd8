"""Hand-worked values, scikit-learn and scipy as oracles, and logits as large as they come."""

import math

import numpy as np
import pytest
from scipy import special, stats
from sklearn.metrics import brier_score_loss, log_loss

from kdbench.statistics.predictions import (
    agreement,
    brier,
    calibration_bins,
    expected_calibration_error,
    log_softmax,
    mean_kl,
    nll,
    softmax,
)

RANDOM = np.random.default_rng(0)
LOGITS = RANDOM.normal(0, 3, (200, 7)).astype(np.float32)
OTHER = RANDOM.normal(0, 3, (200, 7)).astype(np.float32)
LABELS = RANDOM.integers(7, size=200)
HUGE = np.array([[1e4, -1e4, 0.0], [-1e4, -1e4, 1e4], [1e4, 1e4, 1e4]], dtype=np.float32)


def test_softmax_agrees_with_scipy():
    assert np.allclose(log_softmax(LOGITS), special.log_softmax(LOGITS.astype(float), axis=1), atol=1e-12)
    assert np.allclose(softmax(LOGITS).sum(axis=1), 1)


def test_nll_and_brier_agree_with_scikit_learn():
    assert nll(LOGITS, LABELS) == pytest.approx(log_loss(LABELS, softmax(LOGITS), labels=range(7)))
    one_hot = np.eye(7)[LABELS]
    by_class = sum(brier_score_loss(one_hot[:, c], softmax(LOGITS)[:, c], pos_label=1) for c in range(7))
    assert brier(softmax(LOGITS), LABELS) == pytest.approx(by_class)


def test_brier_by_hand():
    # (.2^2 + .2^2) = .08 for a right guess at .8; (.8^2 + .8^2) = 1.28 for a wrong one.
    assert brier(np.array([[0.8, 0.2], [0.8, 0.2]]), np.array([0, 1])) == pytest.approx((0.08 + 1.28) / 2)
    assert brier(np.array([[0.0, 1.0]]), np.array([0])) == 2.0


def test_bins_by_hand():
    # Of 5 bins: .2 and less in the first (a bin holds its right edge), then to .4, to .6 ...
    probabilities = np.array(
        [[0.4, 0.3, 0.3], [0.5, 0.3, 0.2], [0.1, 0.6, 0.3], [0.0, 0.0, 1.0], [0.05, 0.9, 0.05], [0.34, 0.33, 0.33]]
    )
    found = calibration_bins(probabilities, np.array([0, 1, 1, 2, 0, 2]), bins=5)
    assert found.counts == (0, 2, 2, 0, 2)
    assert found.confidence_sums == pytest.approx((0, 0.74, 1.1, 0, 1.9))
    assert found.correct_counts == (0, 1, 1, 0, 1)
    # |1 - .74| + |1 - 1.1| + |1 - 1.9| = 1.26, over 6 samples
    error = expected_calibration_error(found.counts, found.confidence_sums, found.correct_counts)
    assert error == pytest.approx(1.26 / 6)


def test_fifteen_bins_hold_every_sample_once():
    found = calibration_bins(softmax(LOGITS), LABELS)
    assert len(found.counts) == 15
    assert sum(found.counts) == 200
    assert sum(found.correct_counts) == np.sum(LOGITS.argmax(axis=1) == LABELS)
    for m, (count, total) in enumerate(zip(found.counts, found.confidence_sums, strict=True)):
        assert count * m / 15 - 1e-12 <= total <= count * (m + 1) / 15 + 1e-12


def test_agreement_by_hand():
    assert agreement(np.array([[1.0, 0], [1, 0], [0, 1], [0, 1]]), np.array([[9.0, 1], [0, 1], [0, 1], [2, 3]])) == 0.75


def test_kl_by_hand_and_its_direction():
    # KL((3/4, 1/4) || (1/2, 1/2)) = ln 2 - H(3/4) = .75 ln 1.5 + .25 ln .5; the other way it is .5 ln(2/3) + .5 ln 2.
    teacher, student = np.log([[0.75, 0.25]]), np.log([[0.5, 0.5]])
    assert mean_kl(teacher, student) == pytest.approx(0.75 * math.log(1.5) + 0.25 * math.log(0.5))
    assert mean_kl(student, teacher) == pytest.approx(0.5 * math.log(2 / 3) + 0.5 * math.log(2))


def test_kl_agrees_with_scipy():
    oracle = stats.entropy(softmax(LOGITS), softmax(OTHER), axis=1).mean()
    assert mean_kl(LOGITS, OTHER) == pytest.approx(oracle)
    assert mean_kl(LOGITS, LOGITS) == 0.0


def test_large_logits_stay_finite():
    # Row 1: right is 2e4 nats likelier than the label; row 2: sure and right; row 3: three alike.
    assert nll(HUGE, np.array([1, 2, 0])) == pytest.approx((2e4 + 0 + math.log(3)) / 3)
    # Rows: 2e4, 2e4 and ln(1/3) - 0 + ... = KL(uniform || sure) = (0 + 2e4 + 1e4) / 3 - ln 3
    student = np.array([[-1e4, 1e4, 0], [1e4, -1e4, -1e4], [1e4, -1e4, 0]], dtype=np.float32)
    assert mean_kl(HUGE, student) == pytest.approx((2e4 + 2e4 + 1e4 - math.log(3)) / 3)
    assert np.isfinite(brier(softmax(HUGE), np.array([1, 2, 0])))
    assert sum(calibration_bins(softmax(HUGE), np.array([1, 2, 0])).counts) == 3


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_refused(bad):
    logits = LOGITS.copy()
    logits[3, 2] = bad
    with pytest.raises(ValueError, match="finite"):
        nll(logits, LABELS)
    with pytest.raises(ValueError, match="finite"):
        mean_kl(LOGITS, logits)


def test_wrong_input_is_refused():
    with pytest.raises(ValueError, match="sum to 1"):
        brier(LOGITS, LABELS)
    with pytest.raises(ValueError, match="sum to 1"):
        calibration_bins(np.array([[np.nan, 1.0]]), np.array([0]))
    with pytest.raises(ValueError, match="labels"):
        nll(LOGITS, LABELS[:5])
    with pytest.raises(ValueError, match="labels"):
        brier(softmax(LOGITS), LABELS + 1)
    for compare in (agreement, mean_kl):
        with pytest.raises(ValueError, match="same"):
            compare(LOGITS, OTHER[:, :5])


def test_arguments_are_left_as_they_were():
    probabilities = softmax(LOGITS)
    before = probabilities.copy()
    brier(probabilities, LABELS)
    assert (probabilities == before).all()


def test_calibration_error_by_hand():
    # 4 samples of confidence .6 on average, 3 right: gap .15; 1 sample of .9, wrong: gap .9; an empty bin.
    # (4 x .15 + 1 x .9) / 5 = .3
    assert expected_calibration_error([4, 0, 1], [2.4, 0.0, 0.9], [3, 0, 0]) == pytest.approx(0.3)


def test_gaps_of_two_bins_do_not_cancel():
    # Over- and underconfident by .2 each: over all samples the means agree, the bins do not.
    assert expected_calibration_error([10, 10], [8.0, 5.0], [6, 7]) == pytest.approx(0.2)
    assert expected_calibration_error([20], [13.0], [13]) == 0


def test_no_samples_have_no_calibration_error():
    assert expected_calibration_error([0, 0], [0.0, 0.0], [0, 0]) is None


@pytest.mark.parametrize("bins", [([1], [0.5], [2]), ([-1], [0.5], [0]), ([1], [-0.5], [1]), ([1, 2], [0.5], [1])])
def test_bins_that_cannot_be(bins):
    with pytest.raises(ValueError, match=r"bin|zip"):
        expected_calibration_error(*bins)
