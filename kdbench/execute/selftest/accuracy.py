"""Trials of the accuracy gate on correctness bits: of two runs of the same recipe, one of which may have lost top-1.

Bits are drawn rather than trained: a network is right on a test sample with the probability that the sample has, by
itself. So two runs share nothing but how hard the samples are, as where every seed was trained anew elsewhere, and
accuracies of 90 % on 10,000 samples have an SD of .21 points over seeds, as those of the published suite `fashion`.
"""

import math
from collections.abc import Iterator
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from kdbench.results.selftest import Judged
from kdbench.statistics.drops import Changes, judge_drops, seeds_to_show

SAMPLES = 10_000  # of the test split
HARDNESS = (0.9, 0.1)  # of the beta distribution of a sample's probability to be right: most are hard or easy
SD = 0.0021  # of top-1 over seeds: the root of (.9 x .1 / 2) / SAMPLES
LOOKS = 2  # at the baseline's seeds, and where that is undecided at so many times as many:
FURTHER = 3

Bits = NDArray[np.bool_]


def accuracy_trials(lost: float, trials: int, seed: int = 0) -> Iterator[Judged]:
    """Trials without a change, then as many where a share `lost` of top-1 is; the gate allows half of it.

    A baseline has the seeds that show such a loss in 80 % of cases, and a run where that is undecided more, once
    (`kdbench check --max-seeds`).
    """
    random, limit = np.random.default_rng(seed), lost / 2
    seeds = seeds_to_show(lost, math.sqrt(2) * SD, limit, family=LOOKS) or 2
    for share in (0.0, lost):
        found = [_judge(share, limit, seeds, random) for _ in range(trials)]
        statuses = [status for status, _ in found]
        yield Judged(
            gate="accuracy",
            rule=f"kdbench check, may drop {100 * limit:g} points",
            truth=f"{100 * share:g} points lost" if share else "the same recipe",
            regressed=share > 0,
            trials=trials,
            failed=statuses.count("fail"),
            undecided=statuses.count("undecided"),
            ours=True,
            effort=fmean(used for _, used in found),
        )


def _judge(lost: float, limit: float, seeds: int, random: np.random.Generator) -> tuple[str, int]:
    """The verdict on one run, and the seeds that it took."""
    chances = random.beta(*HARDNESS, SAMPLES)
    before = _draw(chances, seeds, random)
    now = lose(_draw(chances, FURTHER * seeds, random), lost, random)
    old, new = before.mean(axis=1).tolist(), now.mean(axis=1).tolist()
    for used in (seeds, FURTHER * seeds):
        (verdict,) = judge_drops([Changes(old, new[:used], limit, 1 / SAMPLES)], looks=LOOKS)
        if verdict.status != "undecided":
            break
    return verdict.status, used


def _draw(chances: NDArray[np.float64], seeds: int, random: np.random.Generator) -> Bits:
    """Whether each of so many networks is right on each sample, [seeds, samples]."""
    found: Bits = random.random((seeds, len(chances))) < chances
    return found


def lose(correct: Bits, share: float, random: np.random.Generator) -> Bits:
    """The same networks, each wrong on so many more samples: a share of all, chosen among those that it got right."""
    changed = correct.copy()
    for bits in changed:
        bits[random.choice(np.flatnonzero(bits), round(share * len(bits)), replace=False)] = False
    return changed
