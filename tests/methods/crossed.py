"""Intervals of accuracies and gains where seeds and test samples are drawn anew; and where some seeds collapse.

Whether a network is right on a sample depends on how hard the sample is, on what is hard for its row, and on how lucky
the network is: it is right with the probability Phi(their sum), whose mean over normal parts is known exactly.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from kdbench.statistics.crossed import crossed_estimate, prediction_interval
from kdbench.statistics.intervals import Interval, share_interval, t_interval
from kdbench.statistics.spread import collapsed
from tests.methods.share import Share, count

SEEDS = (5, 10)
SAMPLES = (360, 2_000)
MEAN, SAMPLE, ROW, NETWORK = 2.4, 1.5, 0.4, 0.06  # of the sum, and SDs of its parts: accuracies of 90 %
GAIN = 0.1  # of the second row, in the sum: about a point
CHANCE, LOST = 0.1, 0.15  # a class of ten, and the share of seeds that collapse
Bits = NDArray[np.bool_]


def shares(trials: int, seed: int = 0) -> list[Share]:
    """Each in an eighth of the trials."""
    random = np.random.default_rng(seed)
    part = max(1, trials // 8)
    found = [share for n in SEEDS for samples in SAMPLES for share in _intervals(n, samples, part, random)]
    found += [share for n in SEEDS for share in _collapses(n, part, random)]
    return sorted(found, key=lambda share: share.what)


def accuracy(mean: float, known: float = 0.0) -> float:
    """In the population, of a row, or of a network of which the SD `known` of the sum's parts is fixed."""
    variance = SAMPLE**2 + ROW**2 + NETWORK**2 - known**2
    return float(ndtr(mean / np.sqrt(1 + variance)))


def draw(n: int, samples: int, random: np.random.Generator, second: float = GAIN) -> tuple[Bits, Bits]:
    """Two rows [seeds, samples] on one test split; the second gains so much."""
    hard = random.normal(0, SAMPLE, samples)
    rows = []
    for gain in (0.0, second):
        own = random.normal(0, ROW, samples) + random.normal(0, NETWORK, (n, 1))
        rows.append(random.random((n, samples)) < ndtr(MEAN + gain + hard + own))
    return rows[0], rows[1]


def _intervals(n: int, samples: int, trials: int, random: np.random.Generator) -> list[Share]:
    level, better = accuracy(MEAN), accuracy(MEAN + GAIN)
    levels, gains, plain, plain_gains, further = [], [], [], [], []
    for _ in range(trials):
        first, second = draw(n, samples, random)
        change = second.astype(float) - first
        levels.append(_covers(crossed_estimate(first).interval, level))
        gains.append(_covers(crossed_estimate(change).interval, better - level))
        plain.append(_covers(t_interval(first.mean(axis=1).tolist()), level))
        plain_gains.append(_covers(t_interval(change.mean(axis=1).tolist()), better - level))
        further.append(_covers(prediction_interval(first), accuracy(MEAN + random.normal(0, NETWORK), NETWORK)))
    setting = f"{n} seeds, {samples:,} test samples"
    return [
        count("accuracy: over seeds and samples, 95 %", setting, "coverage", 0.95, levels),
        count("accuracy: over seeds alone (not used), 95 %", setting, "coverage", 0.95, plain),
        count("gain: paired by seed and sample, 95 %", setting, "coverage", 0.95, gains),
        count("gain: paired by seed alone (not used), 95 %", setting, "coverage", 0.95, plain_gains),
        count("accuracy of one further network: prediction, 95 %", setting, "coverage", 0.95, further),
    ]


def _covers(interval: Interval | None, truth: float) -> bool:
    return interval is not None and interval.low <= truth <= interval.high


def _collapses(n: int, trials: int, random: np.random.Generator) -> list[Share]:
    """Accuracies of 90 % with an SD of half a point, of which some collapse to chance."""
    of_share: list[bool] = []
    of_rest: list[bool] = []
    plain: list[bool] = []
    while len(of_share) < trials:
        lost = random.random(n) < LOST
        values = np.where(lost, CHANCE, random.normal(0.9, 0.005, n)).tolist()
        gone = collapsed(values, CHANCE)
        of_share.append(_covers(share_interval(sum(gone) if not lost.all() else n, n), LOST))
        rest = [value for value, bad in zip(values, gone, strict=True) if not bad]
        if len(rest) > 1 and not lost.all():
            of_rest.append(_covers(t_interval(rest), 0.9))
            plain.append(_covers(t_interval(values), 0.9 - LOST * (0.9 - CHANCE)))
    setting = f"{100 * LOST:g} % of seeds collapse, {n} seeds"
    return [
        count("share of collapsed seeds: exact, 95 %", setting, "coverage", 0.95, of_share),
        count("mean of the seeds that learned: Student t, 95 %", setting, "coverage", 0.95, of_rest),
        count("mean of all seeds: Student t (not used), 95 %", setting, "coverage", 0.95, plain),
    ]
