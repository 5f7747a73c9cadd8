"""Rules of other tools: hand-worked, and pytest-benchmark's own check as oracle."""

from statistics import fmean

import numpy as np
import pytest
from pytest_benchmark.utils import parse_compare_fail

from kdbench.execute.selftest.rivals import AloneTimes, asv_worsens, mean_fails, minimum_fails, threshold


def times(calls: list[float], samples: list[float] | None = None) -> AloneTimes:
    return AloneTimes(calls, samples or calls)


@pytest.mark.parametrize("seed", range(20))
def test_pytest_benchmark_says_the_same(seed: int) -> None:
    random = np.random.default_rng(seed)
    candidate, reference = (random.normal(100, 1, 20) * scale for scale in (random.choice([1.09, 1.1, 1.11]), 1.0))
    told = [{"mean": fmean(each), "min": min(each)} for each in (candidate, reference)]
    for ours, theirs in ((mean_fails, "mean:10%"), (minimum_fails, "min:10%")):
        found = ours(times(candidate.tolist()), times(reference.tolist()))
        assert found == bool(parse_compare_fail(theirs).fails(*told))


def test_asv_asks_for_its_factor_and_for_other_samples() -> None:
    steady = [100.0 + each / 10 for each in range(10)]
    slower = [each * 1.12 for each in steady]
    assert asv_worsens(times([], slower), times([], steady))
    assert not asv_worsens(times([], [each * 1.09 for each in steady]), times([], steady))
    # Mann and Whitney of five against five that overlap: the median is 1.5 times as high, and p is over .002.
    wide, low = [90.0, 95, 150, 155, 160], [80.0, 92, 100, 105, 154]
    assert not asv_worsens(times([], wide), times([], low))


def test_a_threshold_on_the_p50() -> None:
    exceeds = threshold(0.05)
    assert exceeds(times([1.0, 106.0, 500.0]), times([1.0, 100.0, 500.0]))
    assert not exceeds(times([1.0, 104.0, 500.0]), times([1.0, 100.0, 101.0]))
