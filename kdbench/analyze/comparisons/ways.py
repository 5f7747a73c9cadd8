"""Ways of teaching of which some options were swept: each loss under every setting."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from kdbench.analyze.models.pairs import PairSummary
from kdbench.analyze.models.rows import StudentRow
from kdbench.spec import Suite
from kdbench.spec.planning.entry import row_name

Settings = Mapping[str, JsonValue]
SHOWN_APART = ("scarce",)  # ways of teaching whose section draws them by what was swept


@dataclass(frozen=True)
class LossBySetting:
    """One loss under the settings of one way of teaching, as the suite lists them."""

    name: str  # of the row without the way of teaching
    alone: bool
    rows: tuple[tuple[Settings, StudentRow], ...]


@dataclass(frozen=True)
class SweptWay:
    """The settings of one way of teaching in one pair."""

    pair: str
    name: str  # of the way without what was swept
    keys: tuple[str, ...]  # the options that were swept
    losses: tuple[LossBySetting, ...]

    def values(self, key: str) -> tuple[JsonValue, ...]:
        """Of an option, those that have a row, each once."""
        return tuple(dict.fromkeys(settings[key] for loss in self.losses for settings, _ in loss.rows))


def swept_ways(pair: PairSummary, suite: Suite) -> tuple[SweptWay, ...]:
    """One for each way of teaching that the suite sweeps and that has a row; none for those in `SHOWN_APART`."""
    found: dict[str, dict[str, list[tuple[Settings, StudentRow]]]] = {}
    ways = {way.label: way for way in suite.teaching if way.sweep and way.use not in SHOWN_APART}
    for row in pair.students:
        if way := ways.get(row.teaching):
            name = row_name(row.loss, "", row.budget, row.tuned)
            found.setdefault(way.sweep, {}).setdefault(name, []).append((way.settings, row))
    return tuple(
        SweptWay(
            pair=pair.pair,
            name=name,
            keys=next(tuple(way.settings) for way in ways.values() if way.sweep == name),
            losses=tuple(LossBySetting(loss, rows[0][1].alone, tuple(rows)) for loss, rows in losses.items()),
        )
        for name, losses in found.items()
    )
