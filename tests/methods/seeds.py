"""Intervals over seeds: how often they hold the truth."""

import numpy as np

from kdbench.statistics.intervals import Interval, t_interval
from kdbench.statistics.paired import effect_interval, paired_difference
from kdbench.statistics.resampling import interquartile_mean, stratified_iqm
from kdbench.statistics.spread import stability
from tests.methods.populations import COUNTED, NORMAL, Accuracies, Population
from tests.methods.share import Share, count

SEEDS = (3, 5, 10)
EFFECT = 1.0  # SDs of the paired differences
DRAWS = 1000  # of the bootstrap of the mean, which kdbench does not use
SUITE_GAINS = (0.0, 0.003, 0.006, 0.009)  # of four suites told together
SUITE_SD = 0.005


def shares(trials: int, seed: int = 0) -> list[Share]:
    """Coverage of every interval over seeds; the interquartile mean's in an eighth of the trials."""
    random = np.random.default_rng(seed)
    found = []
    for population in (NORMAL, COUNTED):
        for n in SEEDS:
            found += _one_row(population, n, trials, random)
    found += [_bootstrap_of_the_mean(n, trials, random) for n in SEEDS]
    found += [_several_suites(n, max(1, trials // 8), random) for n in SEEDS]
    return sorted(found, key=lambda share: share.what)  # stable: one method's rows stand together


def _one_row(population: Population, n: int, trials: int, random: np.random.Generator) -> list[Share]:
    """Of a method and its paired gain over another."""
    gain = population.gain_of(EFFECT)
    drawn = population.draw(random, trials, n, (gain, 0.0))
    setting = f"{n} seeds, {population.name}"
    pairs = [paired_difference(dict(enumerate(a)), dict(enumerate(b))) for a, b in drawn.tolist()]
    differences = [pair.estimate for pair in pairs if pair]
    alone = drawn[:, 1].tolist()
    return [
        _coverage("mean of accuracies: Student t", setting, [t_interval(row) for row in alone], population.level),
        _coverage("mean of paired differences: Student t", setting, [each.interval for each in differences], gain),
        _coverage("effect size: noncentral t", setting, [effect_interval(each.values) for each in differences], EFFECT),
        _coverage(
            "SD of accuracies: chi-square",
            setting,
            [stability(row, None).sd_interval for row in alone],
            population.sd(),
        ),
    ]


def _coverage(what: str, setting: str, intervals: list[Interval | None], truth: float) -> Share:
    """Where there is no interval, nothing is claimed, and nothing counted."""
    given = [interval.low <= truth <= interval.high for interval in intervals if interval]
    return count(f"{what}, 95 %", setting, "coverage", 0.95, given)


def _bootstrap_of_the_mean(n: int, trials: int, random: np.random.Generator) -> Share:
    drawn = NORMAL.draw(random, trials, n, (0.0,))[:, 0]
    held = [_percentile_bootstrap_holds(row, NORMAL.level, random) for row in drawn]
    what = "mean of accuracies: percentile bootstrap (not used), 95 %"
    return count(what, f"{n} seeds, {NORMAL.name}", "coverage", 0.95, held)


def _percentile_bootstrap_holds(values: Accuracies, truth: float, random: np.random.Generator) -> bool:
    means = values[random.integers(len(values), size=(DRAWS, len(values)))].mean(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return bool(low <= truth <= high)


def _several_suites(n: int, trials: int, random: np.random.Generator) -> Share:
    """Gains of four suites together. The truth is the interquartile mean of many values of each."""
    normal = np.sort(np.random.default_rng(0).normal(0, SUITE_SD, 100_000))
    normal -= normal.mean()
    truth = interquartile_mean(np.concatenate([gain + normal for gain in SUITE_GAINS]).tolist())
    drawn = np.array(SUITE_GAINS)[:, None] + random.normal(0, SUITE_SD, (trials, len(SUITE_GAINS), n))
    intervals = [stratified_iqm(groups).interval for groups in drawn.tolist()]
    setting = f"{len(SUITE_GAINS)} suites x {n} seeds, normal gains"
    return _coverage("interquartile mean: stratified bootstrap with Student tails", setting, intervals, truth)
