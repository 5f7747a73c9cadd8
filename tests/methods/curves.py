"""Laws of learning curves, times to a target and their ratios, gap closed, and places on the front: how often right."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from kdbench.statistics.gap import gap_closed
from kdbench.statistics.intervals import Interval, share_interval, t_interval
from kdbench.statistics.laws import SIGNIFICANT, Fits, fit_laws
from kdbench.statistics.paired import SEEDS_FOR_A_CLAIM
from kdbench.statistics.pareto import Cost, front_probability
from kdbench.statistics.survival import (
    Crossing,
    first_crossing,
    median_bounds,
    sample_efficiency,
    survival_curve,
)
from tests.methods.share import Share, count

Floats = NDArray[np.float64]
Law = Callable[[Floats], Floats]

SEEDS = (3, 5, 10)
# x in evaluations; every curve ends near .9, the plateau has been there all along.
LAWS: Mapping[str, Law] = {
    "linear": lambda x: 0.5 + 0.4 * x / x[-1],
    "power law": lambda x: 0.9 - 0.4 * x**-0.6,
    "exponential": lambda x: 0.9 - 0.6 * np.exp(-8 * x / x[-1]),
    "no law": lambda x: np.full_like(x, 0.9),
}
# The same over the area under a cosine schedule, which early on rises as x does; and with an error of 6 points that
# falls as the learning rate does.
SCHEDULED: Mapping[str, Law] = {
    "exponential over the learning rate spent": lambda x: 0.9 - 0.6 * np.exp(-8 * _spent(x) / x[-1]),
    "power law over the learning rate spent": lambda x: 0.9 - 0.4 * _spent(x) ** -0.6,
    "exponential, less 6 points of the learning rate": lambda x: LAWS["exponential"](x) - 0.06 * _factor(x),
    "power law, less 6 points of the learning rate": lambda x: LAWS["power law"](x) - 0.06 * _factor(x),
}
ASYMPTOTE = 0.9
NOISE = 0.01  # SD of an evaluation
POINTS = (24, 60)  # evaluations
LASTING = (0.5, 0.8)  # correlation of the noise of successive evaluations


def shares(trials: int, seed: int = 0) -> list[Share]:
    """Fits take a tenth of the trials, ratios of samples and fronts a fifth, and at least 16."""
    generator = np.random.default_rng(seed)
    tenth, fifth = max(trials // 10, 16), max(trials // 5, 16)
    found = []
    for points in POINTS:
        for law in LAWS:
            found += _laws(law, points, tenth, generator)
        for lasting in LASTING:
            found += _lasting(points, lasting, tenth, generator)
        for curve in SCHEDULED:
            found += _scheduled(curve, points, tenth, generator)
    for n in SEEDS:
        for end in (math.inf, 15.0):
            found.append(_median(n, end, trials, generator))
        found.append(_rate(n, trials, generator))
    for evaluations in (8, 24, 60):
        for n in (5, 10):
            found += _efficiency(evaluations, n, fifth, generator)
    for n in SEEDS:
        for gap in (0.05, 0.01):
            found += _gap(n, gap, trials, generator)
    for n in SEEDS:
        found += _front(n, fifth, generator)
    return found


def _laws(law: str, points: int, trials: int, generator: np.random.Generator) -> list[Share]:
    """Whether the law is named, and how near its asymptote is; beside it what a simpler rule would have named."""
    fits = _fits(LAWS[law], points, 0.0, trials, generator)
    where = f"{'plateau' if law == 'no law' else law}, {points} evaluations"
    share = partial(count, setting=where, kind="share", nominal=None)
    simpler = f"law by held-out error alone (not used): '{law}'"
    found = [share(simpler, outcomes=[_by_held_out(each) == law for each in fits])]
    if law == "no law":
        named = [_named(each) != law for each in fits]
        return [count("law: any named", where, "error", SIGNIFICANT, named), *found]
    found.insert(0, share(f"law: '{law}' named", outcomes=[_named(each) == law for each in fits]))
    found.append(share("law: another named", outcomes=[_named(each) not in (law, "no law") for each in fits]))
    if law in ("power law", "exponential"):
        right = [each.best for each in fits if each.best and each.best.name == law]
        near = [abs(fit.parameters["a"] - ASYMPTOTE) <= 0.01 for fit in right]
        found.append(share("law, where rightly named: asymptote within 1 point", outcomes=near))
    return found


def _lasting(points: int, lasting: float, trials: int, generator: np.random.Generator) -> list[Share]:
    """Noise that lasts looks like a law where there is none, and hides one where there is."""
    found = []
    for law, curve in LAWS.items():
        fits = _fits(curve, points, lasting, trials, generator)
        where = f"{'plateau' if law == 'no law' else law}, {points} evaluations, noise correlated by {lasting:g}"
        if law == "no law":
            named = [_named(each) != law for each in fits]
            found.append(count("law: any named", where, "error", SIGNIFICANT, named))
        else:
            right = [_named(each) == law for each in fits]
            found.append(count(f"law: '{law}' named", where, "share", None, right))
    return found


def _scheduled(curve: str, points: int, trials: int, generator: np.random.Generator) -> list[Share]:
    """What a curve is called that a cosine schedule has shaped."""
    fits = _fits(SCHEDULED[curve], points, 0.0, trials, generator, scheduled=True)
    where = f"{curve}, {points} evaluations under a cosine schedule"
    names = ("power law", "exponential")
    return [
        count(f"law: '{name}' named", where, "share", None, [_named(each) == name for each in fits]) for name in names
    ]


def _fits(
    law: Law, points: int, lasting: float, trials: int, generator: np.random.Generator, scheduled: bool = False
) -> list[Fits]:
    x = np.arange(1.0, points + 1)
    spent = _spent(x).tolist() if scheduled else None
    noisy = (law(x) + NOISE * _correlated(generator, points, lasting) for _ in range(trials))
    return [fit_laws(x.tolist(), y.tolist(), spent) for y in noisy]


def _correlated(generator: np.random.Generator, points: int, lasting: float) -> Floats:
    """A process of first order with a variance of 1."""
    noise = _normal(generator, points)
    for i in range(1, points):
        noise[i] = lasting * noise[i - 1] + math.sqrt(1 - lasting**2) * noise[i]
    return noise


def _factor(x: Floats) -> Floats:
    factor: Floats = 0.5 * (1 + np.cos(np.pi * x / x[-1]))
    return factor


def _spent(x: Floats) -> Floats:
    """The area under the factor of the learning rate."""
    area: Floats = 0.5 * (x + x[-1] / np.pi * np.sin(np.pi * x / x[-1]))
    return area


def _named(fits: Fits) -> str:
    return fits.best.name if fits.best else "no law"


def _by_held_out(fits: Fits) -> str:
    """The rule without a constant to beat and without AICc: the least held-out error, if under the carried one's."""
    best = min(fits.candidates, key=lambda fit: fit.rmse, default=None)
    return best.name if best and fits.carried_rmse is not None and best.rmse < fits.carried_rmse else "no law"


def _median(n: int, end: float, trials: int, generator: np.random.Generator) -> Share:
    """Log-normal times with a median of 10, censored at the end. What is unbounded counts as covered."""
    covered = []
    for _ in range(trials):
        times = 10 * np.exp(0.5 * _normal(generator, n))
        low, high = median_bounds(*survival_curve(np.minimum(times, end).tolist(), (times <= end).tolist()))
        covered.append((low is None or low <= 10) and (high is None or high >= 10))
    censored = "no censoring" if end == math.inf else "21 % censored"
    where = f"{n} seeds, {censored}"
    if n < SEEDS_FOR_A_CLAIM:
        return count(
            "Kaplan-Meier under 5 seeds (not used): 95 % interval holds the median", where, "share", None, covered
        )
    return count("Kaplan-Meier: 95 % interval of the median", where, "coverage", 0.95, covered)


def _rate(n: int, trials: int, generator: np.random.Generator) -> Share:
    covered = [_holds(share_interval(int(k), n), 0.8) for k in generator.binomial(n, 0.8, trials)]
    return count("reach rate: 95 % interval", f"{n} seeds, of which 80 % get there", "coverage", 0.95, covered)


def _efficiency(evaluations: int, n: int, trials: int, generator: np.random.Generator) -> list[Share]:
    """Exponential curves, of which the distilled one needs half the samples; seeds differ by 15 %, noise .005."""
    x = np.arange(evaluations + 1.0)
    target = 0.9 * 0.9

    def crossing(rate: float) -> Crossing:
        return first_crossing(
            x.tolist(), (0.9 - 0.8 * np.exp(-rate * x) + 0.005 * _normal(generator, len(x))).tolist(), target
        )

    given, covered, coarse, whole = [], [], [], []
    for _ in range(trials):
        rates = 6 / evaluations * np.exp(0.15 * _normal(generator, n))
        faster = 2 * rates * np.exp(0.1 * _normal(generator, n))
        alone, distilled = (dict(enumerate(map(crossing, each.tolist()))) for each in (rates, faster))
        found = sample_efficiency(alone, distilled)
        assert found is not None
        given.append(found.interval is not None)
        if found.interval:
            covered.append(_holds(found.interval, 2.0))
        coarse.append(_holds(t_interval(np.log(found.ratios).tolist()), math.log(2.0)))
        evaluated = [math.log(alone[seed].at / distilled[seed].at) for seed in found.seeds]
        whole.append(_holds(t_interval(evaluated), math.log(2.0)))
    where = f"{n} seeds, {evaluations} evaluations, true ratio 2"
    share = partial(count, setting=where, kind="share", nominal=None)
    beside = [
        share("sample efficiency: evaluations fine enough for an interval", outcomes=given),
        share("sample efficiency from whole evaluations (not used): 95 % interval holds 2", outcomes=whole),
    ]
    if evaluations == 8:  # these pass the target within two evaluations: too coarse for any interval
        return [*beside, share("sample efficiency from so coarse evaluations (not used): same", outcomes=coarse)]
    return [count("sample efficiency: 95 % interval, where given", where, "coverage", 0.95, covered), *beside]


def _gap(n: int, gap: float, trials: int, generator: np.random.Generator) -> list[Share]:
    """One teacher; half of the gap is closed; seeds of both students have an SD of .005, half of it shared."""
    given, covered = [], []
    for _ in range(trials):
        shared, own, other = 0.005 * _normal(generator, (3, n))
        alone = 0.8 + math.sqrt(0.5) * (shared + own)
        distilled = 0.8 + gap / 2 + math.sqrt(0.5) * (shared + other)
        found = gap_closed(_by_seed(distilled), _by_seed(alone), 0.8 + gap)
        given.append(found.interval is not None)
        if found.interval:
            covered.append(_holds(found.interval, 0.5))
    where = f"{n} seeds, a gap of {gap / 0.005:g} SDs"
    return [
        count("gap closed: Fieller's 95 % interval, where given", where, "coverage", 0.95, covered),
        count("gap closed: given, since the gap is told from 0", where, "share", None, given),
    ]


def _front(n: int, trials: int, generator: np.random.Generator) -> list[Share]:
    """Two equal models at equal cost: in 5 % of trials, and in no more, one may be told off the front with 97.5 %."""
    ours, plain = [], []
    for _ in range(trials):
        one, other = 0.8 + 0.005 * _normal(generator, (2, n))
        shares = front_probability([_by_seed(one), _by_seed(other)], [Cost(1, "a"), Cost(1, "a")], draws=1000)
        ours.append(min(shares) < 0.025)
        drawn = (one - other)[generator.integers(n, size=(1000, n))].mean(axis=1)
        plain.append(bool(min((drawn >= 0).mean(), (drawn <= 0).mean()) < 0.025))
    where = f"{n} seeds, two equal models"
    return [
        count("place on the front: one of two under 2.5 %", where, "error", 0.05, ours),
        count("place on the front, seeds drawn with replacement (not used): same", where, "share", None, plain),
    ]


def _holds(interval: Interval | None, truth: float) -> bool:
    return interval is not None and interval.low <= truth <= interval.high


def _by_seed(values: Sequence[float] | Floats) -> dict[int, float]:
    return dict(enumerate(map(float, values)))


def _normal(generator: np.random.Generator, shape: int | tuple[int, ...]) -> Floats:
    return generator.standard_normal(shape)
