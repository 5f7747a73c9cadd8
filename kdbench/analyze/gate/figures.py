"""The figures of one trained network that gates hold over seeds: how each is read, compared and told."""

import math
from dataclasses import dataclass

from kdbench.analyze.decisions.wording import percent, points
from kdbench.analyze.models.calibration import calibration_error
from kdbench.results import Baseline
from kdbench.results.baselines.baseline import BaselineRow
from kdbench.spec import Gate
from kdbench.spec.comparison import FALLING, of_seeds

LEAST_SECONDS = 1e-6  # of a training, and as a share the least difference of two: neither is ever reached


@dataclass(frozen=True)
class Figure:
    """What a gate holds, on a scale where less is worse: a difference, or of seconds one of logarithms."""

    gate: Gate

    @property
    def seconds(self) -> bool:
        return self.gate.metric == "training_seconds"

    @property
    def falling(self) -> bool:
        """Whether the user reads a drop as a regression, as of top-1."""
        return self.gate.metric in FALLING

    @property
    def drop(self) -> str:
        """What a regression is called."""
        return "drop" if self.falling else "rise"

    @property
    def clean_top1(self) -> bool:
        """Whether it is top-1 of the exported file on clean images, which is always held, of teachers too."""
        return self.gate.label == "top1"

    @property
    def allowed(self) -> float:
        """The drop that the gate allows."""
        return math.log1p(self.gate.limit) if self.seconds else self.gate.limit

    def read(self, row: BaselineRow) -> float | None:
        """None where it was not computed."""
        match self.gate.metric:
            case "right_everywhere":
                return row.right_everywhere
            case "ece":
                return calibration_error(row.test.confidence)
            case "training_seconds":
                return row.training_seconds if row.training_seconds > LEAST_SECONDS else None
        if self.gate.condition:
            return row.conditions.get(self.gate.condition)
        return row.variants.get(self.gate.variant) if self.gate.variant else row.test.top1

    def room(self, value: float) -> float:
        """How far a value can become worse; a ratio of seconds has no end."""
        return math.inf if self.seconds else value if self.falling else 1 - value

    def score(self, value: float) -> float:
        """A value on the scale where less is worse."""
        if self.seconds:
            return -math.log(value)
        return value if self.falling else -value

    def resolution(self, row: BaselineRow) -> float:
        """The least step of a change."""
        return LEAST_SECONDS if self.seconds else 1 / row.test.samples

    def as_read(self, change: float) -> float:
        """A change as the user reads it: new less baseline, of seconds new over baseline."""
        if self.seconds:
            return math.exp(-change)
        return change if self.falling else -change

    def say(self, change: float) -> str:
        """'−0.42' points, of seconds 'x1.200'."""
        return f"x{self.as_read(change):.3f}" if self.seconds else points(self.as_read(change))

    def say_change(self, change: float) -> str:
        """'−0.42 points', 'x1.200'."""
        return self.say(change) + ("" if self.seconds else " points")

    def say_size(self, drop: float) -> str:
        """A drop without its sign: '0.42 points', '20.0 %'."""
        return f"{100 * math.expm1(drop):.1f} %" if self.seconds else f"{100 * drop:.2f} points"

    def say_value(self, value: float) -> str:
        return f"{value:.3g} s" if self.seconds else percent(value)

    def of(self, row: str) -> str:
        """`p / student / kd`, and under which condition or as which variant."""
        under = f" under {self.gate.condition}" if self.gate.condition else ""
        return f"{row}{under}" + (f" as {self.gate.variant}" if self.gate.variant else "")


def figures_of(baseline: Baseline) -> list[Figure]:
    """What the baseline's gates hold over seeds."""
    return [Figure(gate) for gate in of_seeds(baseline.gates)]
