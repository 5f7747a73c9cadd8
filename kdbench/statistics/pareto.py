"""Pareto fronts of accuracy and cost: membership, its probability, and the hypervolume."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri, ndtri

from kdbench.statistics.intervals import Interval

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Cost:
    """The cost of a model. Models of the same `measured` (an architecture) share one measurement, so they tie."""

    value: float  # above 0
    measured: str
    interval: Interval | None = None  # of the value, from a ratio's: symmetric in logarithms; None for an exact cost


def front_probability(
    accuracies: Sequence[Mapping[int, float]], costs: Sequence[Cost], draws: int = 2000, seed: int = 0
) -> list[float]:
    """The share of bootstrap draws in which each model is on the front; accuracies by seed, one mapping a model.

    Seeds are drawn jointly, as every model's accuracy at a seed has a part in common: see `_draw_means`. A cost with an
    interval is drawn log-normally, once for all models of the same measurement, so that models that share it tie.
    A model of one seed has no spread to draw from and does not vary: its share, and those of its neighbours, are too
    extreme. Raises `ValueError` for a model without seeds or a cost that is not above 0.
    """
    if len(accuracies) != len(costs):
        raise ValueError(f"{len(accuracies)} models against {len(costs)} costs")
    if not accuracies:
        return []
    generator = np.random.default_rng(seed)
    gains = _draw_means(accuracies, draws, generator)
    spent = _draw_costs(costs, draws, generator)
    beaten = np.zeros(gains.shape, dtype=bool)
    for other in range(len(costs)):
        gain, cost = gains[:, [other]], spent[:, [other]]
        beaten |= (gain >= gains) & (cost <= spent) & ((gain > gains) | (cost < spent))
    return [float(share) for share in (~beaten).mean(axis=0)]


def hypervolume(points: Sequence[tuple[float, float]], reference: tuple[float, float]) -> float:
    """The area that (accuracy, cost) points dominate, from `reference` = (chance, the teacher's cost) outwards.

    A point spans the rectangle of its accuracy over chance (0 to 1) by log10(teacher's cost / its cost), in decades;
    the figure is the area of their union, in accuracy x decades: a perfect model at a tenth of the cost gives
    1 - chance. A point no better than chance, or no cheaper than the teacher, spans nothing; so the teacher itself.
    Raises `ValueError` for a cost that is not above 0.
    """
    chance, dearest = reference
    if dearest <= 0 or any(cost <= 0 for _, cost in points):
        raise ValueError("a logarithmic axis needs costs above 0")
    area, height = 0.0, 0.0
    # From the cheapest on: what a point adds to the area of all cheaper ones is a rectangle.
    for saved, gain in sorted(((math.log10(dearest / cost), gain - chance) for gain, cost in points), reverse=True):
        if saved > 0 and gain > height:
            area += saved * (gain - height)
            height = gain
    return area


def _draw_means(accuracies: Sequence[Mapping[int, float]], draws: int, generator: np.random.Generator) -> Floats:
    """Mean accuracies [draws, models] by a multiplier bootstrap (Wu 1986) with Student's tails.

    Every seed's deviation from its model's mean gets a normal factor, shared by all models that have the seed, so that
    models covary as measured; the sum has the variance of a mean. A second factor makes it Student's t: of two models,
    the share of draws won is one minus the one-sided p of the paired t-test. Seeds drawn with replacement would put
    one of two equal models of 3 seeds under 2.5 % in a quarter of cases, not in 5 % (`tests/methods/curves.py`).
    """
    seeds = sorted(set().union(*accuracies))
    factors = generator.standard_normal((draws, len(seeds)))
    tails = generator.random(draws)  # shared: models of the same seeds must widen together
    counts = {len(by_seed) for by_seed in accuracies} - {0, 1}
    widened = {n: np.sqrt((n - 1) / chdtri(n - 1, tails)) / math.sqrt(n * (n - 1)) for n in counts}
    means = np.empty((draws, len(accuracies)))
    for model, by_seed in enumerate(accuracies):
        if not by_seed:
            raise ValueError(f"model {model} has no accuracy")
        values = np.array([by_seed[seed] for seed in seeds if seed in by_seed])
        n, mean = len(values), values.mean()
        means[:, model] = mean
        if n > 1:
            own = factors[:, [seed in by_seed for seed in seeds]]
            means[:, model] += widened[n] * (own @ (values - mean))
    # Models that agree in every seed must tie in every draw: differences of 1e-17 are rounding.
    return means.round(12)


def _draw_costs(costs: Sequence[Cost], draws: int, generator: np.random.Generator) -> Floats:
    """Costs [draws, models]; one draw for all models of a measurement."""
    drawn: dict[str, Floats] = {}
    for cost in costs:
        low, high = (cost.interval.low, cost.interval.high) if cost.interval else (cost.value, cost.value)
        if not 0 < low <= high or cost.value <= 0:
            raise ValueError(f"the cost of {cost.measured} is not above 0")
        z = float(ndtri((1 + cost.interval.level) / 2)) if cost.interval else 1.0
        if cost.measured not in drawn:
            drawn[cost.measured] = np.exp(math.log(high / low) / (2 * z) * generator.standard_normal(draws))
    return np.stack([cost.value * drawn[cost.measured] for cost in costs], axis=1)
