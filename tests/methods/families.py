"""Decisions on many rows where test samples are drawn anew as well as seeds; and the intervals of mean ranks."""

import numpy as np
from numpy.typing import NDArray

from kdbench.statistics.crossed import crossed_estimate
from kdbench.statistics.paired import EQUIVALENCE
from kdbench.statistics.ranks import mean_ranks
from kdbench.statistics.verdicts import ALPHA, Word, family_verdicts
from tests.methods.crossed import SAMPLES, SEEDS, draw
from tests.methods.decision import is_false
from tests.methods.share import Share, count

LOSSES, VARIANTS = 7, 3
CHANGED = 0.02  # of the test samples: those on which a variant answers otherwise
RANKED = 7  # rows
APART = (0.2, 0.5, 1.0)  # neighbouring rows' means, in SDs of a seed
Table = NDArray[np.float64]


def shares(trials: int, seed: int = 0) -> list[Share]:
    """Each in an eighth of the trials; those of variants and of mean ranks in a sixteenth."""
    random = np.random.default_rng(seed)
    part = max(1, trials // 8)
    found = []
    for n in SEEDS:
        found += [_confirmed(n, samples, part, random) for samples in SAMPLES]
        found += [_variants(n, lost, max(1, part // 2), random) for lost in (0.0, EQUIVALENCE)]
        found += [_ranks(n, groups, apart, max(1, part // 2), random) for groups in (2, 4) for apart in APART]
    return sorted(found, key=lambda share: share.what)


def _confirmed(n: int, samples: int, trials: int, random: np.random.Generator) -> Share:
    """The candidate gains nothing; it is judged at seeds of its own, on a test split that decided nothing."""
    confirmed = []
    for _ in range(trials):
        alone, candidate = draw(n, samples, random, second=0.0)
        interval = crossed_estimate(candidate.astype(np.float64) - alone).interval
        confirmed.append(interval is not None and interval.low > 0)
    what = "candidate confirmed at seeds of their own, by seed and sample"
    return count(what, f"it gains nothing, {n} seeds, {samples:,} test samples", "error", ALPHA / 2, confirmed)


def _variants(n: int, lost: float, trials: int, random: np.random.Generator) -> Share:
    """Each variant of each loss answers otherwise on some samples, and loses so much more than the student alone's."""
    wrong = []
    for _ in range(trials):
        change = _changes(n, 0.0, random)
        family = [_changes(n, lost, random) - change for _ in range(LOSSES * VARIANTS)]
        words = [verdict.word for verdict in family_verdicts([crossed_estimate(table) for table in family])]
        wrong.append(any(_wrong(word, lost) for word in words))
    setting = f"{LOSSES} losses x {VARIANTS} variants lose {100 * lost:g} points more than the student alone, {n} seeds"
    return count("any false verdict of the family of variants", setting, "error", ALPHA, wrong)


def _changes(n: int, lost: float, random: np.random.Generator) -> Table:
    """A variant minus its exported model, [seeds, samples]: -1, 0 or 1, and `lost` lower in the mean."""
    harder = random.random(SAMPLES[-1]) < 0.2  # answers change where a network is unsure, for all seeds alike
    risk = np.where(harder, 3 * CHANGED, CHANGED / 2)
    changed = random.random((n, SAMPLES[-1])) < risk
    up = random.random((n, SAMPLES[-1])) < 0.5 - lost / (2 * risk.mean())
    return np.where(changed, np.where(up, 1.0, -1.0), 0.0)


def _wrong(word: Word, lost: float) -> bool:
    return is_false(word, -lost)


def _ranks(n: int, groups: int, apart: float, trials: int, random: np.random.Generator) -> Share:
    """Rows whose means lie evenly apart, in the same order in each group: the intervals hold the ranks of the means."""
    covered = []
    truth = np.arange(1, RANKED + 1)
    for trial in range(trials):
        drawn = [random.normal(-apart * truth[:, None], 1, (RANKED, n)) for _ in range(groups)]
        found = mean_ranks(drawn, seed=trial)
        row = trial % RANKED  # one of each draw, since the intervals of one draw depend on each other
        interval, rank = found[row].interval, truth[row]
        low, high = (interval.low, interval.high) if interval else (found[row].mean,) * 2
        covered.append(bool(low <= rank <= high))
    setting = f"{RANKED} rows {apart:g} SDs apart, {n} seeds, {groups} pairs"
    return count("mean rank: bootstrap SD with Student tails, 95 %", setting, "coverage", 0.95, covered)
