"""Generators that yield progress and return a result."""

from collections.abc import Callable, Generator, Iterator
from typing import Generic, TypeVar

Step = TypeVar("Step")
Result = TypeVar("Result")


class Followed(Generic[Step, Result]):
    """A generator to loop over; when the loop has ended, `result` is what the generator returned."""

    result: Result

    def __init__(self, generator: Generator[Step, None, Result]) -> None:
        self._generator = generator

    def __iter__(self) -> Iterator[Step]:
        self.result = yield from self._generator


def drain(generator: Generator[Step, None, Result], listener: Callable[[Step], None] | None = None) -> Result:
    """Run a generator to its end, calling `listener` with each value that it yields; returns what it returns."""
    followed = Followed(generator)
    for step in followed:
        if listener:
            listener(step)
    return followed.result
