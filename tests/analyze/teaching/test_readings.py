"""Readings by epoch over seeds, by hand."""

import pytest

from kdbench.analyze import summarize
from tests.records import Shape, make_results


def told(row: str, seed: int, epoch: int) -> dict[str, float]:
    """The temperature rises by 1 an epoch; the weight is told in the first two epochs alone."""
    if row != "ctkd" or epoch == 0:
        return {}
    return {"temperature": float(epoch + 2 * seed)} | ({"weight": 0.5} if epoch < 3 else {})


def test_means_and_bands_of_each_figure() -> None:
    shape = Shape(seeds=3, epochs=4, losses=("cross_entropy", "ctkd", "kd"), readings=told)
    (row,) = summarize(make_results(shape)).readings
    assert (row.pair, row.role, row.model, row.row) == ("big -> small", "student", "small", "ctkd")
    temperature, weight = row.curves["temperature"], row.curves["weight"]
    assert list(row.curves) == ["temperature", "weight"]
    assert temperature.epochs == (1, 2, 3, 4)
    assert temperature.mean == pytest.approx((3, 4, 5, 6))
    assert (temperature.low, temperature.high) == ((1, 2, 3, 4), (5, 6, 7, 8))
    assert (weight.epochs, weight.mean) == ((1, 2), (0.5, 0.5))


def test_a_figure_that_no_epoch_of_all_seeds_has_is_left_out() -> None:
    shape = Shape(
        seeds=2, epochs=4, readings=lambda row, seed, epoch: {"late": 1.0} if row == "kd" and epoch == seed else {}
    )
    assert summarize(make_results(shape)).readings == ()


def test_losses_that_tell_nothing_have_no_rows() -> None:
    assert summarize(make_results()).readings == ()
