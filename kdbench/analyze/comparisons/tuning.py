"""What tuning gained and cost: each row as published and under the settings that the tuning chose."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from kdbench.analyze.models.pairs import PairSummary
from kdbench.analyze.models.rows import StudentRow
from kdbench.results import ResultSet
from kdbench.spec import Entry
from kdbench.statistics.paired import PairedDifference, crossed_difference
from kdbench.statistics.ranks import kendall_tau, ranks


@dataclass(frozen=True)
class Tries:
    """All tries of one row: settings that were tried, with a trial for each seed of the tuning."""

    count: int
    seeds: int
    failed: int  # settings of which a trial has no result: they cannot be chosen
    seconds: float  # of training all trials, each by itself without a cache
    promised: float | None  # best validation top-1, 0 to 1, minus the one as published, over the tuning's seeds


@dataclass(frozen=True)
class TunedRow:
    """A row as published and tuned, at the epochs of the recipe. Ranks are by mean test top-1; 1 is the highest."""

    published: StudentRow
    tuned: StudentRow
    gained: PairedDifference | None  # tuned minus published, paired by seed and test sample
    rank_published: float
    rank_tuned: float
    tries: Tries


@dataclass(frozen=True)
class TunedPair:
    """The rows of a pair that were tuned."""

    pair: str
    rows: tuple[TunedRow, ...]
    tau: float | None  # Kendall's, between the orders of the rows as published and tuned; None for a single row


def tuned_pairs(pairs: Sequence[PairSummary], results: ResultSet) -> tuple[TunedPair, ...]:
    """One for each pair of which a row has results both as published and tuned."""
    tries: dict[tuple[str, str, str], dict[int, list[Entry]]] = {}
    for entry in results.run.entries:
        if entry.role == "try":
            tries.setdefault((entry.pair, entry.loss, entry.teaching), {}).setdefault(entry.position, []).append(entry)
    found = (_tuned_pair(pair, tries, results) for pair in pairs)
    return tuple(pair for pair in found if pair.rows)


def _tuned_pair(
    pair: PairSummary, tries: Mapping[tuple[str, str, str], Mapping[int, Sequence[Entry]]], results: ResultSet
) -> TunedPair:
    usual = [row for row in pair.students if row.budget == 1]
    tuned = {(row.loss, row.teaching): row for row in usual if row.tuned}
    both = [(row, tuned[at]) for row in usual if not row.tuned and (at := (row.loss, row.teaching)) in tuned]
    before, after = [row.top1.mean for row, _ in both], [row.top1.mean for _, row in both]
    rows = tuple(
        TunedRow(
            published=published,
            tuned=chosen,
            gained=crossed_difference(chosen.scores, published.scores),
            rank_published=float(first),
            rank_tuned=float(second),
            tries=_tries(tries.get((pair.pair, published.loss, published.teaching), {}), results),
        )
        for (published, chosen), first, second in zip(
            both, ranks(np.asarray(before)), ranks(np.asarray(after)), strict=True
        )
    )
    return TunedPair(pair.pair, rows, kendall_tau(before, after))


def _tries(settings: Mapping[int, Sequence[Entry]], results: ResultSet) -> Tries:
    """Of one row, by the number of the try; the first is as published."""
    done = {
        number: [results.records[entry.key] for entry in entries if entry.key in results.records]
        for number, entries in settings.items()
    }
    whole = {number for number, records in done.items() if len(records) == len(settings[number])}
    means = {number: fmean(record.validation_top1 for record in done[number]) for number in whole}
    return Tries(
        count=len(settings),
        seeds=max(map(len, settings.values()), default=0),
        failed=len(settings) - len(whole),
        seconds=sum(record.training.alone_seconds for records in done.values() for record in records),
        promised=max(means.values()) - means[1] if 1 in means else None,
    )
