"""Tests and verdicts over seeds: how often they claim what is not so, and find what is."""

import numpy as np

from kdbench.statistics.paired import EQUIVALENCE, PairedDifference, detectable_sds, holm, paired_difference
from kdbench.statistics.spread import brown_forsythe
from kdbench.statistics.verdicts import Word, family_verdicts
from tests.methods.populations import COUNTED, NORMAL, Population
from tests.methods.share import Share, count

ALPHA = 0.05
SEEDS = (3, 5, 10)
LOSSES = 8  # against one student alone


def shares(trials: int, seed: int = 0) -> list[Share]:
    """Error rates and power of single comparisons; families, and flips of 16 seeds, in an eighth of the trials."""
    random = np.random.default_rng(seed)
    part = max(1, trials // 8)
    found = []
    for population in (NORMAL, COUNTED):
        for n in SEEDS:
            found += _no_difference(population, n, trials, random)
            found += [_least_detectable(population, n, trials, random)]
        found += [_sign_flips(population, n, count, random) for n, count in ((6, trials), (10, trials), (16, part))]
        for n in SEEDS[1:]:
            found += _at_the_margin(population, n, trials, random)
            found += _families(population, n, part, random)
    return sorted(found, key=lambda share: share.what)


def compare(drawn: list[list[list[float]]]) -> list[PairedDifference]:
    """The first of two methods against the second, in each trial [trials, 2, seeds]."""
    pairs = (paired_difference(dict(enumerate(a)), dict(enumerate(b))) for a, b in drawn)
    return [pair for pair in pairs if pair]


def _word(pair: PairedDifference) -> Word:
    """The verdict on one comparison that is a family of its own."""
    return family_verdicts([pair.estimate])[0].word


def _significant(p: float | None) -> bool:
    return p is not None and p <= ALPHA


def _no_difference(population: Population, n: int, trials: int, random: np.random.Generator) -> list[Share]:
    pairs = compare(population.draw(random, trials, n, (0.0, 0.0)).tolist())
    setting = f"no difference, {n} seeds, {population.name}"
    found = [count("paired t: p at most .05", setting, "error", ALPHA, [_significant(pair.p_value) for pair in pairs])]
    for verdict in ("better", "worse"):
        if n >= SEEDS[1]:
            given = [_word(pair) == verdict for pair in pairs]
            found.append(count(f"verdict '{verdict}'", setting, "error", ALPHA / 2, given))
    return found


def _sign_flips(population: Population, n: int, trials: int, random: np.random.Generator) -> Share:
    pairs = compare(population.draw(random, trials, n, (0.0, 0.0)).tolist())
    setting = f"no difference, {n} seeds, {population.name}"
    rejected = [_significant(pair.sign_flip_p) for pair in pairs]
    return count("sign flips: p at most .05", setting, "error", ALPHA, rejected)


def _least_detectable(population: Population, n: int, trials: int, random: np.random.Generator) -> Share:
    """The power at what is printed as detectable: 80 %."""
    gain = population.gain_of(detectable_sds(n) or 0.0)
    pairs = compare(population.draw(random, trials, n, (gain, 0.0)).tolist())
    found = [_significant(pair.p_value) for pair in pairs]
    return count("least detectable difference, found", f"it is real, {n} seeds, {population.name}", "share", 0.8, found)


def _at_the_margin(population: Population, n: int, trials: int, random: np.random.Generator) -> list[Share]:
    """A gain of exactly what counts as practically nothing: neither verdict may come often."""
    pairs = compare(population.draw(random, trials, n, (EQUIVALENCE, 0.0)).tolist())
    setting = f"a gain of exactly {100 * EQUIVALENCE:g} points, {n} seeds, {population.name}"
    return [
        count(f"verdict '{verdict}'", setting, "error", ALPHA / 2, [_word(pair) == verdict for pair in pairs])
        for verdict in ("better", "equivalent")
    ]


def _families(population: Population, n: int, trials: int, random: np.random.Generator) -> list[Share]:
    """Eight losses and the student alone, none different: any claim of the family is false."""
    holm_wrong, verdict_wrong, plain_wrong, spread_wrong = [], [], [], []
    for values in population.draw(random, trials, n, (0.0,) * (LOSSES + 1)).tolist():
        pairs = compare([[each, values[0]] for each in values[1:]])
        p_values = [pair.p_value for pair in pairs if pair.p_value is not None]
        plain_wrong.append(any(map(_significant, p_values)))
        holm_wrong.append(any(map(_significant, holm(p_values))))
        words = [verdict.word for verdict in family_verdicts([pair.estimate for pair in pairs])]
        verdict_wrong.append("better" in words or "worse" in words)
        spread = brown_forsythe(values)
        spread_wrong.append(spread is not None and _significant(spread[1]))
    setting = f"{LOSSES} losses, no difference, {n} seeds, {population.name}"
    return [
        count("paired t and Holm: any p at most .05", setting, "error", ALPHA, holm_wrong),
        count("paired t without Holm (not used): any p at most .05", setting, "error", ALPHA, plain_wrong),
        count("any verdict 'better' or 'worse'", setting, "error", ALPHA, verdict_wrong),
        count("Brown-Forsythe: p at most .05", setting, "error", ALPHA, spread_wrong),
    ]
