"""Whether a model is right as often as it says, from what is stored of its predictions."""

from collections.abc import Sequence


def expected_calibration_error(
    counts: Sequence[int], confidence_sums: Sequence[float], correct_counts: Sequence[int]
) -> float | None:
    """Mean gap between accuracy and confidence over bins of confidence, weighted by samples; None without samples.

    Each bin has its samples, the sum of their confidences (probability of top-1) and how many are right.
    Guo et al. 2017, equation 3. Raises `ValueError` for bins that cannot be.
    """
    bins = list(zip(counts, confidence_sums, correct_counts, strict=True))
    if any(not 0 <= right <= samples or total < 0 for samples, total, right in bins):
        raise ValueError("a bin has as many right predictions as samples at most, and no negative confidence")
    samples = sum(counts)
    return sum(abs(right - total) for _, total, right in bins) / samples if samples else None
