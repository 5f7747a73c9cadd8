"""The accuracy gate: how often it fails what has not dropped, and how often it finds what has."""

from collections.abc import Sequence

import numpy as np

from kdbench.statistics.drops import FAIL_ALPHA, PASS_ALPHA, POWER, Changes, detectable_drop, judge_drops
from kdbench.statistics.spread import collapse_limit, collapsed
from tests.methods.populations import COUNTED, Population
from tests.methods.share import Share, count

# Two runs of one seed share initialization and data: their difference has an SD of .3 points.
STEADY = Population("SD of changes .3 points", level=0.9, shared=0.004, own=0.003 / 2**0.5)
SEEDS = (3, 5, 10)
LIMIT = 0.01
ROWS = 8  # of a suite, judged together
FIGURES, ALIKE = 4, 0.7  # of each row: gates of top-1 and two figures that correlate so, and of seconds
CHANCE = 0.1
COLLAPSES = (0.0, 0.0001, 0.001, 0.01)  # share of seeds that collapse by chance, in both runs


def shares(trials: int, seed: int = 0) -> list[Share]:
    """Errors and power of one row; families of rows in an eighth of the trials."""
    random = np.random.default_rng(seed)
    part = max(1, trials // 8)
    found = []
    for n in SEEDS:
        for population in (STEADY, COUNTED):
            found += _one_row(population, n, trials, random)
            found += _families(population, n, part, random)
        found += _power(n, trials, part, random)
        found += [_collapses(each, n, trials, random) for each in COLLAPSES]
    for n in SEEDS:
        found += _several_figures(n, part, random)
    return sorted(found, key=lambda share: share.what)


def _changes(
    population: Population, n: int, trials: int, drops: Sequence[float], random: np.random.Generator
) -> list[list[list[float]]]:
    """Of each trial the changes by row and seed, where the later run's rows drop by so much."""
    changes = [population.draw(random, trials, n, (0.0, -drop)) for drop in drops]
    found: list[list[list[float]]] = np.stack([each[:, 1] - each[:, 0] for each in changes], axis=1).tolist()
    return found


def _judged(population: Population, changes: list[list[list[float]]], status: str) -> list[list[bool]]:
    """Whether each row of each trial has this status."""
    resolution = 1 / (population.samples or 10_000)
    return [
        [
            each.status == status
            for each in judge_drops([Changes([0.0] * len(row), row, LIMIT, resolution) for row in rows])
        ]
        for rows in changes
    ]


def _one_row(population: Population, n: int, trials: int, random: np.random.Generator) -> list[Share]:
    """At exactly the limit neither verdict may come often."""
    changes = _changes(population, n, trials, (LIMIT,), random)
    setting = f"a drop of exactly 1 point, {n} seeds, {population.name}"
    return [
        count(
            f"gate of accuracy: '{status}'",
            setting,
            "error",
            alpha,
            [any(r) for r in _judged(population, changes, status)],
        )
        for status, alpha in (("fail", FAIL_ALPHA), ("pass", PASS_ALPHA))
    ]


def _families(population: Population, n: int, trials: int, random: np.random.Generator) -> list[Share]:
    """Any row that fails is a false alarm."""
    found = []
    for drop, words in ((0.0, "no change"), (LIMIT, "all drop by exactly 1 point")):
        failed = _judged(population, _changes(population, n, trials, (drop,) * ROWS, random), "fail")
        setting = f"{ROWS} rows, {words}, {n} seeds, {population.name}"
        found.append(count("gate of accuracy: any row fails", setting, "error", FAIL_ALPHA, [any(r) for r in failed]))
    return found


def _several_figures(n: int, trials: int, random: np.random.Generator) -> list[Share]:
    """All figures of all rows are one family: any that fails is a false alarm. What it costs a row that dropped."""

    def fails(drops: Sequence[float]) -> list[list[bool]]:
        """Of each trial, whether each figure fails: those of a row by `drops`, those of the first row first."""
        shape = trials, len(drops) // FIGURES, FIGURES, n
        errors = (1 - ALIKE) ** 0.5 * random.normal(size=shape) + ALIKE**0.5 * random.normal(size=(*shape[:2], 1, n))
        errors[:, :, -1] = random.standard_t(3, (*shape[:2], n)) / 3**0.5  # seconds: now and then far off
        changes = STEADY.difference_sd() * errors.reshape(trials, len(drops), n) - np.array(drops)[:, None]
        return _judged(STEADY, changes.tolist(), "fail")

    of = f"{ROWS} rows x {FIGURES} figures"
    found = []
    for drop, words in ((0.0, "no change"), (LIMIT, "all worse by exactly what is allowed")):
        alarms = [any(each) for each in fails((drop,) * ROWS * FIGURES)]
        what = "gate of accuracy: any figure of any row fails"
        found.append(count(what, f"{of}, {words}, {n} seeds", "error", FAIL_ALPHA, alarms))
    dropped = [first for first, *_ in fails((2 * LIMIT, *[0.0] * (ROWS * FIGURES - 1)))]
    setting = f"{n} seeds, top-1 of one of {of} dropped"
    return [*found, count("gate of accuracy: a drop of 2 points fails", setting, "share", None, dropped)]


def _power(n: int, trials: int, part: int, random: np.random.Generator) -> list[Share]:
    """Of one row that dropped, alone and among rows that did not: by twice the limit, and by what is told as seen."""
    found = []
    for rows, number in ((1, trials), (ROWS, part)):
        setting = f"{n} seeds, one of {rows} rows dropped, {STEADY.name}"
        seen = detectable_drop(STEADY.difference_sd(), n, LIMIT, rows) or 0.0
        for drop, words, nominal in ((2 * LIMIT, "2 points", None), (seen, "what it is said to see", POWER)):
            changes = _changes(STEADY, n, number, (drop, *[0.0] * (rows - 1)), random)
            failed = [first for first, *_ in _judged(STEADY, changes, "fail")]
            found.append(count(f"gate of accuracy: a drop of {words} fails", setting, "share", nominal, failed))
    return found


def _collapses(share: float, n: int, trials: int, random: np.random.Generator) -> Share:
    """A collapsed seed fails its row where none of the suite's had collapsed: false where nothing changed."""
    runs = STEADY.draw(random, trials, n, (0.0,) * (2 * ROWS)).reshape(trials, 2, ROWS, n)
    runs[random.random(runs.shape) < share] = CHANCE
    failed = [_any_new_collapse(before, now) for before, now in runs.tolist()]
    setting = f"{ROWS} rows, no change, {n} seeds, of which {100 * share:g} % collapse by chance"
    what = "gate of accuracy: any collapsed seed fails"
    if share * ROWS * n <= FAIL_ALPHA:
        return count(what, setting, "error", FAIL_ALPHA, failed)
    return count(what, setting, "share", None, failed)


def _any_new_collapse(before: list[list[float]], now: list[list[float]]) -> bool:
    if any(any(collapsed(row, CHANCE)) for row in before):
        return False
    return any(min(new) <= collapse_limit(max(old), CHANCE) for old, new in zip(before, now, strict=True))
