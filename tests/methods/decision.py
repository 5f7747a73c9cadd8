"""The decision of a report: whether a candidate is confirmed where no loss helps, and the verdicts of a family.

Accuracies differ as those of the published records do (`PUBLISHED`, by `tests.methods.components`): a lucky network is
lucky on validation and on test.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from kdbench.statistics.intervals import estimate
from kdbench.statistics.paired import EQUIVALENCE, PairedDifference, holm, paired_difference
from kdbench.statistics.verdicts import ALPHA, family_verdicts
from tests.methods.components import Components
from tests.methods.share import Share, count

# Of the suites `fashion` and `losses-fashion`, whose networks differ most. Where an estimate by moments is 0, other
# random numbers outweigh that component.
PUBLISHED = {
    "as fashion": Components(seed=0.0027, network=0.0015, validation=0.0019, test=0.0012),
    "as losses-fashion": Components(seed=0.0, network=0.0163, validation=0.0062, test=0.0),
}
LOSSES = (7, 31, 100)
SEEDS = (5, 10)
RIVALS = (1, 3, 7)  # students beside the cheapest


@dataclass(frozen=True)
class Drawn:
    """Accuracies [trials, rows, seeds] on validation and test; row 0 is the student alone."""

    validation: NDArray[np.float64]
    test: NDArray[np.float64]


def shares(trials: int, seed: int = 0) -> list[Share]:
    """Each in an eighth of the trials; those of 100 losses in a sixteenth."""
    random = np.random.default_rng(seed)
    found = []
    for name, parts in PUBLISHED.items():
        for losses in LOSSES:
            for n in SEEDS:
                some = max(1, trials // (16 if losses > LOSSES[1] else 8))
                found += _confirmed(name, parts, losses, n, some, random)
                found += _chosen(name, parts, losses, n, some, random)
        found += [_dropped(name, parts, rivals, n, max(1, trials // 8), random) for rivals in RIVALS for n in SEEDS]
    for losses in LOSSES[:2]:
        for n in SEEDS:
            found += [_verdicts(losses, n, what, max(1, trials // 8), random) for what in GAINS]
    return sorted(found, key=lambda share: share.what)


def draw(parts: Components, trials: int, gains: NDArray[np.float64], n: int, random: np.random.Generator) -> Drawn:
    """Rows that gain so much [rows] over the level, at n seeds."""
    shape = trials, len(gains), n
    truth = 0.9 + gains[:, None] + random.normal(0, parts.seed, (trials, 1, n)) + random.normal(0, parts.network, shape)
    return Drawn(truth + random.normal(0, parts.validation, shape), truth + random.normal(0, parts.test, shape))


def _confirmed(
    name: str, parts: Components, losses: int, n: int, trials: int, random: np.random.Generator
) -> list[Share]:
    """No loss helps: the best on validation, judged on the same networks or on others."""
    nothing = np.zeros(losses + 1)
    chosen, apart = draw(parts, trials, nothing, n, random), draw(parts, trials, np.zeros(2), n, random)
    best = chosen.validation.mean(axis=2).argmax(axis=1)
    p_values = _p_values(chosen.test[:, 1:] - chosen.test[:, :1])
    anew, family, before, covers = [], [], [], []
    for trial, row in enumerate(best.tolist()):
        candidate = row > 0  # else the student alone is the best, and nothing is to be confirmed
        own = _difference(apart.test[trial, 1], apart.test[trial, 0])
        same = _difference(chosen.test[trial, row], chosen.test[trial, 0]) if candidate else None
        adjusted = holm(p_values[trial].tolist())[row - 1] if candidate else 1.0
        anew.append(candidate and _above(own))
        family.append(same is not None and adjusted <= ALPHA and same.estimate.mean > 0)
        before.append(_above(same))
        covers.append(own is not None and (i := own.estimate.interval) is not None and i.low <= 0 <= i.high)
    setting = f"no loss of {losses} helps, {n} seeds, {name}"
    return [
        count("candidate confirmed at seeds of their own", setting, "error", ALPHA, anew),
        count("candidate confirmed by Holm's p over the family", setting, "error", ALPHA, family),
        count("candidate confirmed by the same networks' interval (not used)", setting, "error", ALPHA, before),
        count("gain of the candidate at seeds of their own, 95 %", setting, "coverage", 0.95, covers),
    ]


def _chosen(name: str, parts: Components, losses: int, n: int, trials: int, random: np.random.Generator) -> list[Share]:
    """No loss helps: the gain of the loss that is best on validation, on the networks that it was chosen by."""
    drawn = draw(parts, trials, np.zeros(losses + 1), n, random)
    best = 1 + drawn.validation[:, 1:].mean(axis=2).argmax(axis=1)
    together, alone = [], []
    for trial, row in enumerate(best.tolist()):
        found = estimate((drawn.test[trial, row] - drawn.test[trial, 0]).tolist())
        assert found.error
        wide, usual = (found.error.interval(found.mean, level) for level in (1 - ALPHA / losses, 0.95))
        together.append(wide.low <= 0 <= wide.high)
        alone.append(usual.low <= 0 <= usual.high)
    setting = f"no loss of {losses} helps, {n} seeds, {name}"
    return [
        count("gain of the best on validation, for all rows together, 95 %", setting, "coverage", 0.95, together),
        count("gain of the best on validation, its own interval (not used), 95 %", setting, "coverage", 0.95, alone),
    ]


def _dropped(name: str, parts: Components, rivals: int, n: int, trials: int, random: np.random.Generator) -> Share:
    """The cheapest of several students lies exactly the margin below the others, which are equal."""
    drawn = draw(parts, trials, np.concatenate([[0.0], np.full(rivals, EQUIVALENCE)]), n, random)
    best = drawn.validation.mean(axis=2).argmax(axis=1)
    lost = []
    for trial, row in enumerate(best.tolist()):
        found = estimate((drawn.test[trial, 0] - drawn.test[trial, row]).tolist())
        lost.append(
            found.error is not None and found.error.interval(found.mean, 1 - ALPHA / rivals).high < -EQUIVALENCE
        )
    what = "cheapest student dropped, though it is within the margin"
    return count(what, f"{rivals} rivals better by exactly the margin, {n} seeds, {name}", "error", ALPHA, lost)


def _difference(first: NDArray[np.float64], second: NDArray[np.float64]) -> PairedDifference | None:
    return paired_difference(dict(enumerate(first.tolist())), dict(enumerate(second.tolist())))


def _above(difference: PairedDifference | None) -> bool:
    interval = difference.estimate.interval if difference else None
    return interval is not None and interval.low > 0


def _p_values(differences: NDArray[np.float64]) -> NDArray[np.float64]:
    """Two-sided paired t of differences [..., seeds]."""
    n = differences.shape[-1]
    t = np.abs(differences.mean(axis=-1)) / (differences.std(axis=-1, ddof=1) / n**0.5)
    found: NDArray[np.float64] = 2 * stdtr(n - 1, -t)
    return found


GAINS = ("no loss helps", "every gain is exactly the margin", "gains of -1 to +1 points")


def _verdicts(losses: int, n: int, what: str, trials: int, random: np.random.Generator) -> Share:
    """A family's words against the truth; at exactly the margin, 'better' is false, and so is 'equivalent'."""
    gains = {
        GAINS[0]: np.zeros(losses),
        GAINS[1]: np.full(losses, EQUIVALENCE),
        GAINS[2]: np.linspace(-0.01, 0.01, losses),
    }[what]
    drawn = draw(PUBLISHED["as fashion"], trials, np.concatenate([[0.0], gains]), n, random).test
    wrong = []
    for trial in drawn:
        words = [verdict.word for verdict in family_verdicts([estimate(row.tolist()) for row in trial[1:] - trial[0]])]
        wrong.append(any(is_false(word, gain) for word, gain in zip(words, gains.tolist(), strict=True)))
    return count("any false verdict of a family", f"{what}, {losses} losses, {n} seeds", "error", ALPHA, wrong)


def is_false(word: str, gain: float) -> bool:
    size = round(abs(gain) - EQUIVALENCE, 9)
    return (
        (word == "better" and gain <= EQUIVALENCE)
        or (word == "worse" and gain >= -EQUIVALENCE)
        or (word == "equivalent" and size >= 0)
    )
