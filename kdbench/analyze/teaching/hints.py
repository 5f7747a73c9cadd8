"""Hints: losses that read one layer of each network, by that layer and by how its features are compared."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from kdbench.analyze.models.pairs import PairSummary
from kdbench.analyze.models.rows import StudentRow
from kdbench.spec import Suite


@dataclass(frozen=True)
class HintMap:
    """The rows of one pair by layer and transform, under the usual way of teaching; layers and transforms in order."""

    pair: str
    layers: tuple[str, ...]
    transforms: tuple[str, ...]
    rows: Mapping[tuple[str, str], StudentRow]  # by layer and transform


def hint_maps(pairs: tuple[PairSummary, ...], suite: Suite) -> tuple[HintMap, ...]:
    """One for each pair in which such losses were run at two layers or more."""
    places = {loss.label: _place(loss.use, loss.options) for loss in suite.losses}
    found = []
    for pair in pairs:
        rows = {
            place: row
            for row in pair.students
            if (place := places.get(row.loss)) and row.teaching == "single" and row.budget == 1 and not row.tuned
        }
        layers, transforms = (tuple(dict.fromkeys(names)) for names in zip(*rows, strict=True)) if rows else ((), ())
        if len(layers) > 1:
            found.append(HintMap(pair.pair, layers, transforms, rows))
    return tuple(found)


def _place(use: str, options: Mapping[str, JsonValue]) -> tuple[str, str] | None:
    """The layer that a loss reads, 'middle' or 'middle from last', and what it does to it; None for other losses."""
    student, teacher = (_only(options, side) for side in ("student", "teacher"))
    if student is None or teacher is None:
        return None
    layer = student if student == teacher else f"{student} from {teacher}"
    transform = options.get("transform", "projected") if use == "fitnet" else use
    return layer, str(transform).replace("_", " ")


def _only(options: Mapping[str, JsonValue], side: str) -> str | None:
    """The layer of one network that is named, where it is a single one."""
    named = options.get(f"{side}_layer", options.get(f"{side}_layers"))
    if isinstance(named, list) and len(named) == 1:
        named = named[0]
    return named if isinstance(named, str) else None
