"""Figures of predictions beyond top-1: calibration, likelihood, and agreement with a teacher. Numpy alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Labels = NDArray[np.integer[Any]]
BINS = 15  # of equal width; Guo et al. 2017


@dataclass(frozen=True)
class CalibrationBins:
    """Samples by confidence, the probability of top-1: bin m of M holds those in ((m - 1) / M, m / M]."""

    counts: tuple[int, ...]
    confidence_sums: tuple[float, ...]
    correct_counts: tuple[int, ...]


def log_softmax(logits: Floats) -> NDArray[np.float64]:
    """Of [N, C], in nats and float64; finite for any finite logits. Raises `ValueError` for others."""
    if logits.ndim != 2 or not logits.size:
        raise ValueError(f"logits are [samples, classes], got shape {logits.shape}")
    if not np.isfinite(logits).all():
        raise ValueError("logits must be finite")
    wide = logits.astype(np.float64)
    shifted = wide - wide.max(axis=1, keepdims=True)  # exp cannot overflow
    found: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return found


def softmax(logits: Floats) -> NDArray[np.float64]:
    """Probabilities [N, C], in float64."""
    found: NDArray[np.float64] = np.exp(log_softmax(logits))
    return found


def calibration_bins(probabilities: Floats, labels: Labels, bins: int = BINS) -> CalibrationBins:
    """Sort predictions [N, C] by their confidence. Raises `ValueError` for impossible shapes or values."""
    _check(probabilities, labels)
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == labels
    place = np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], confidence, side="left")
    counts, correct = np.bincount(place, minlength=bins), np.bincount(place[right], minlength=bins)
    sums = np.bincount(place, weights=confidence, minlength=bins)
    return CalibrationBins(tuple(counts.tolist()), tuple(sums.tolist()), tuple(correct.tolist()))


def expected_calibration_error(
    counts: Sequence[int], confidence_sums: Sequence[float], correct_counts: Sequence[int]
) -> float | None:
    """Mean gap between accuracy and confidence over bins of confidence, weighted by samples; None without samples.

    Each bin has its samples, the sum of their confidences (probability of top-1) and how many are right.
    Guo et al. 2017, equation 3. Raises `ValueError` for impossible bins.
    """
    bins = list(zip(counts, confidence_sums, correct_counts, strict=True))
    if any(not 0 <= right <= samples or total < 0 for samples, total, right in bins):
        raise ValueError("a bin has at most as many right predictions as samples, and no negative confidence")
    samples = sum(counts)
    return sum(abs(right - total) for _, total, right in bins) / samples if samples else None


def brier(probabilities: Floats, labels: Labels) -> float:
    """Mean squared distance of [N, C] to the one-hot labels, summed over classes: 0 to 2 (Brier 1950)."""
    _check(probabilities, labels)
    gaps = probabilities.astype(np.float64)
    gaps[np.arange(len(labels)), labels] -= 1
    return float((gaps**2).sum(axis=1).mean())


def nll(logits: Floats, labels: Labels) -> float:
    """Mean negative log-likelihood of the labels, in nats."""
    found = log_softmax(logits)
    _check_labels(found.shape, labels)
    return float(-found[np.arange(len(labels)), labels].mean())


def agreement(logits_a: Floats, logits_b: Floats) -> float:
    """The share of samples with the same top-1. Raises `ValueError` where shapes differ."""
    _check_alike(logits_a, logits_b)
    return float((logits_a.argmax(axis=1) == logits_b.argmax(axis=1)).mean())


def mean_kl(teacher_logits: Floats, student_logits: Floats) -> float:
    """Mean KL(teacher || student) over samples, in nats, at temperature 1. Raises `ValueError` where shapes differ."""
    _check_alike(teacher_logits, student_logits)
    teacher, student = log_softmax(teacher_logits), log_softmax(student_logits)
    # Rounding may give equal distributions a value under 0.
    return max(0.0, float((np.exp(teacher) * (teacher - student)).sum(axis=1).mean()))


def _check(probabilities: Floats, labels: Labels) -> None:
    if probabilities.ndim != 2 or not probabilities.size:
        raise ValueError(f"probabilities are [samples, classes], got shape {probabilities.shape}")
    # Softmax in float32 sums to 1 within about 1e-6; logits given by mistake do not, and NaN fails as well.
    if not (probabilities.min() >= 0 and np.abs(probabilities.sum(axis=1) - 1).max() < 1e-3):
        raise ValueError("probabilities must be at least 0 and sum to 1 for every sample")
    _check_labels(probabilities.shape, labels)


def _check_labels(shape: tuple[int, ...], labels: Labels) -> None:
    samples, classes = shape
    if labels.shape != (samples,) or not (labels.min() >= 0 and labels.max() < classes):
        raise ValueError(f"labels are [{samples}] from 0 to {classes - 1}, got shape {labels.shape}")


def _check_alike(first: Floats, second: Floats) -> None:
    if first.shape != second.shape or first.ndim != 2 or not first.size:
        raise ValueError(f"logits of the same [samples, classes] are compared, got {first.shape} and {second.shape}")
