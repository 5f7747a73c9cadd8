"""One share observed in simulated trials, beside the nominal one."""

from dataclasses import dataclass
from typing import Literal

from scipy.special import betaincinv

Kind = Literal["coverage", "error", "share"]


@dataclass(frozen=True)
class Share:
    """How often something happened in `trials` simulated trials, whose truth is known.

    The nominal share of a 'coverage' is a lower limit, that of an 'error' an upper one, that of a 'share' a value.
    None: the method claims no level.
    """

    what: str  # the method, and what counts
    setting: str  # the truth that was simulated
    kind: Kind
    nominal: float | None
    hits: int
    trials: int

    def __post_init__(self) -> None:
        if not 0 <= self.hits <= self.trials or self.trials < 1:
            raise ValueError(f"{self.hits} hits of {self.trials} trials")

    @property
    def observed(self) -> float:
        return self.hits / self.trials

    @property
    def low(self) -> float:
        """The lower 95 % Monte-Carlo bound of the observed share."""
        return self._bounds(0.95)[0]

    @property
    def high(self) -> float:
        """The upper 95 % Monte-Carlo bound."""
        return self._bounds(0.95)[1]

    @property
    def verdict(self) -> str:
        """The observed share against the nominal one, as far as the trials can tell.

        By 99.9 % bounds: there are a hundred shares, and by 95 % bounds some would be called wrong by chance.
        """
        if self.nominal is None:
            return "-"
        low, high = self._bounds(0.999)
        if low <= self.nominal <= high:
            return "nominal"
        gap = f"by {100 * abs(self.observed - self.nominal):.1f} points"
        above = self.observed > self.nominal
        if self.kind != "share" and above == (self.kind == "coverage"):
            return f"conservative {gap}"
        return f"too {'high' if above else 'low'} {gap}"

    def _bounds(self, level: float) -> tuple[float, float]:
        """Clopper and Pearson 1934: exact, from the beta distribution."""
        tail, missed = (1 - level) / 2, self.trials - self.hits
        low = float(betaincinv(self.hits, missed + 1, tail)) if self.hits else 0.0
        high = float(betaincinv(self.hits + 1, missed, 1 - tail)) if missed else 1.0
        return low, high


def count(what: str, setting: str, kind: Kind, nominal: float | None, outcomes: list[bool]) -> Share:
    """The share of trials whose outcome is true."""
    return Share(what, setting, kind, nominal, sum(outcomes), len(outcomes))
