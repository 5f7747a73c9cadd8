"""The settings that a tuning tries: learning rate, and the options of a loss within the ranges that they declare."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from kdbench.spec.comparison import Span
from kdbench.spec.keys import marks_of
from kdbench.spec.signature import Option, Signature
from kdbench.spec.types import Range, Scale

LR = Range(0.1, 10.0, relative=True)
Settings = Mapping[str, JsonValue]


def range_of(option: Option) -> Range | None:
    """The values that an option declares as sensible to try; None where it is not tuned."""
    return next((mark for mark in marks_of(option.type) if isinstance(mark, Range)), None)


@dataclass(frozen=True)
class Dimension:
    """One setting, and the values between which it is tried."""

    name: str
    low: float
    high: float
    scale: Scale

    def at(self, share: float) -> float:
        """The value at a share of the way from low to high, to three digits."""
        if self.scale == "log":
            value = math.exp(math.log(self.low) + share * math.log(self.high / self.low))
        else:
            value = self.low + share * (self.high - self.low)
        return float(f"{value:.3g}")


def search_space(
    signature: Signature, options: Mapping[str, JsonValue], lr: float, span: Span | None = None
) -> tuple[Dimension, ...]:
    """The learning rate, and each option of a loss that declares a range; `options` are filled in.

    A range that is relative to 0 has no values but 0, and is left out.
    """
    first = Dimension("lr", *span.range, span.scale) if span else _dimension("lr", LR, lr)
    found = [first]
    for option in signature.options:
        value = options.get(option.name, option.default)
        declared = range_of(option)
        if declared and isinstance(value, int | float) and not (declared.relative and value == 0):
            found.append(_dimension(option.name, declared, value))
    return tuple(found)


def _dimension(name: str, values: Range, usual: float) -> Dimension:
    unit = usual if values.relative else 1.0
    return Dimension(name, values.low * unit, values.high * unit, values.scale)


def quasi_random(space: Sequence[Dimension], tries: int) -> tuple[Settings, ...]:
    """Settings that fill the space evenly, the first of them as published.

    They are the points of Halton's sequence, of which each dimension depends on its number alone: so all losses are
    tried at the same learning rates, whatever other options they have.
    """
    from scipy.stats import qmc  # a second to import, for tuned suites alone

    sequence = qmc.Halton(len(space), scramble=False)
    sequence.fast_forward(2)  # past the origin, and past the learning rate in the middle, which is the one as published
    points = sequence.random(tries - 1)
    return ({}, *(_settings(space, point) for point in points))


def ask_optuna(space: Sequence[Dimension], told: Sequence[tuple[Settings, float | None]]) -> Settings:
    """What optuna's tree-structured Parzen estimator tries after what it was told: settings and their accuracies.

    The same answer to the same question. The first is as published, like every setting that is not named. A try
    without an accuracy has failed.
    """
    if not told:
        return {}
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=len(told), n_startup_trials=min(5, len(told) + 1))
    study = optuna.create_study(direction="maximize", sampler=sampler)
    shares: dict[str, Any] = {each.name: optuna.distributions.FloatDistribution(0.0, 1.0) for each in space}
    for settings, accuracy in told:
        if settings and accuracy is not None:
            params = {each.name: _share(each, float(str(settings[each.name]))) for each in space}
            study.add_trial(optuna.create_trial(params=params, distributions=shares, value=accuracy))
    asked = study.ask(shares).params
    return _settings(space, [asked[each.name] for each in space])


def _settings(space: Sequence[Dimension], shares: Iterable[float]) -> Settings:
    return {each.name: each.at(share) for each, share in zip(space, shares, strict=True)}


def _share(dimension: Dimension, value: float) -> float:
    """Where a value lies between low and high: the inverse of `Dimension.at`."""
    low, high = dimension.low, dimension.high
    share = math.log(value / low) / math.log(high / low) if dimension.scale == "log" else (value - low) / (high - low)
    return min(1.0, max(0.0, share))
