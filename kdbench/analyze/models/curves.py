"""Recorded learning curves as `kdbench.statistics` takes them."""

from collections.abc import Sequence

from kdbench.results import CurvePoint
from kdbench.statistics.curves import Curve


def by_epoch(curve: Sequence[CurvePoint]) -> Curve:
    """Epochs, and validation top-1 (0 to 1) at each."""
    return [point.epoch for point in curve], [point.validation_top1 for point in curve]


def by_samples(curve: Sequence[CurvePoint]) -> Curve:
    """Samples trained on so far, and validation top-1 (0 to 1) at each."""
    return [point.samples for point in curve], [point.validation_top1 for point in curve]
