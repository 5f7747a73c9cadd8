"""Warm-ups and initialization phases: the parts of a training in which a loss has another formula.

The papers count them in epochs of a training of 240. In a training of another length their default is the same share
of it, so that every loss has the same budget of epochs; an option given in epochs is taken as it is.
"""

from dataclasses import dataclass

from kdbench.zoo.interface import Moment, NotApplicable

PUBLISHED_EPOCHS = 240


@dataclass(frozen=True)
class Phase:
    """The first part of a training: `epochs` of it, or where that is None the share that the `published` epochs are."""

    epochs: float | None
    published: float

    def span(self, training: int) -> float:
        """The phase in epochs, within a training of so many."""
        return self.published * training / PUBLISHED_EPOCHS if self.epochs is None else self.epochs

    def risen(self, moment: Moment) -> float:
        """The factor of a warm-up: it rises linearly from 0 to 1 over the phase."""
        whole = self.span(moment.epochs)
        return min(1.0, moment.epoch / whole) if whole > 0 else 1.0

    def lasts(self, loss: str, moment: Moment) -> bool:
        """Whether an initialization is not over yet. Raises NotApplicable where the training would end within it."""
        whole = self.span(moment.epochs)
        if whole >= moment.epochs:
            raise NotApplicable(
                f"{loss} spends {whole:g} epochs on its initialization, and the training has {moment.epochs}; "
                f"lower init_epochs, or leave it out for {self.published:g} of {PUBLISHED_EPOCHS} epochs in proportion"
            )
        return moment.epoch < whole
