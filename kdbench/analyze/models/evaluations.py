"""What conditions, metrics and variants have in common: a figure per trial and name, gathered over a row's seeds."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from kdbench.analyze.models.pairs import PairSummary
from kdbench.analyze.models.rows import ModelRow

T = TypeVar("T")
Found = Mapping[tuple[str, str], T]  # by the key of a trial, and the name of a condition, metric or variant


def by_seed(row: ModelRow | None, found: Found[T], name: str) -> dict[int, T]:
    """The figure of each seed that has one and did not collapse; empty without a row."""
    keys = {seed.seed: seed.key for seed in row.seeds if seed.seed in row.learned} if row else {}
    return {seed: found[key, name] for seed, key in keys.items() if (key, name) in found}


def lacking(row: ModelRow, found: Found[T], names: Sequence[str]) -> dict[str, int]:
    """How many seeds have no figure, of the names that some seed lacks."""
    counts = {name: len(row.learned) - len(by_seed(row, found, name)) for name in names}
    return {name: count for name, count in counts.items() if count}


def compared(pairs: Sequence[PairSummary]) -> Iterator[tuple[ModelRow, ModelRow | None]]:
    """Every row, pair by pair with teachers first, and the student alone of its kind; None for itself and teachers."""
    for pair in pairs:
        for row in pair.models:
            alone = None if row.role == "teacher" else pair.alone_like(row)
            yield row, None if alone is row else alone
