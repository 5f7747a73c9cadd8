"""Made-up seeds whose truth is known: normal accuracies, and counts of right predictions on a small test split."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Accuracies = NDArray[np.float64]


@dataclass(frozen=True)
class Population:
    """Accuracies are level + what a seed does to every method + what it does to this one; then counted, if so."""

    name: str
    level: float
    shared: float  # SD over seeds, the same for all methods: what pairing takes out
    own: float  # SD over seeds, of each method alone
    samples: int | None = None  # of the test split; None: accuracies are not counted

    def draw(self, random: np.random.Generator, trials: int, n: int, gains: tuple[float, ...]) -> Accuracies:
        """Accuracies [trials, methods, seeds] of methods that gain so much over the level."""
        shape = trials, len(gains), n
        found: Accuracies = self.level + np.array(gains)[:, None] + random.normal(0, self.own, shape)
        found += random.normal(0, self.shared, (trials, 1, n))
        return found if self.samples is None else random.binomial(self.samples, found) / self.samples

    def sd(self, gain: float = 0.0) -> float:
        """Of one method's accuracies."""
        return math.sqrt(self.shared**2 + self.own**2 + self._counting(gain))

    def difference_sd(self, gain: float = 0.0) -> float:
        """Of paired differences between a method that gains so much and one that does not."""
        return math.sqrt(2 * self.own**2 + self._counting(gain) + self._counting(0.0))

    def gain_of(self, effect: float) -> float:
        """The gain that is so many SDs of its paired differences."""
        gain = 0.0
        for _ in range(50):  # the SD depends on the gain, weakly
            gain = effect * self.difference_sd(gain)
        return gain

    def _counting(self, gain: float) -> float:
        """The variance that counting adds: that of a binomial whose share itself varies."""
        if self.samples is None:
            return 0.0
        share = self.level + gain
        return (share * (1 - share) - self.shared**2 - self.own**2) / self.samples


NORMAL = Population("normal accuracies", level=0.9, shared=0.004, own=0.004)
# As the digits: so few test samples that accuracies are coarse, skewed and often equal.
COUNTED = Population("360 samples counted", level=0.88, shared=0.004, own=0.004, samples=360)
