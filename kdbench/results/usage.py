"""What a store holds, which of it some run refers to, and removing what none does."""

import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from kdbench.results.drafts import PREFIX, dead_drafts
from kdbench.results.output_cache import remove_unused
from kdbench.results.records import RunRecord
from kdbench.results.store import Store

SNAPSHOTS = Store.SNAPSHOTS
# Folders of a store by what they hold, each record in a file or a folder of its key.
RECORDS = ("trials", "artifacts", "evaluations", "latency", "throughput", "rounds", "failures", SNAPSHOTS)
CACHE = "cache"  # teacher outputs, which are computed again where they are gone
DRAFTS = "drafts"  # of processes that died
DAY = 86400.0  # seconds


@dataclass(frozen=True)
class Holding:
    """A record with its files, a cache of teacher outputs, or a draft."""

    kind: str  # of `RECORDS`, `CACHE`, `DRAFTS`
    key: str
    path: Path
    bytes: int
    changed: float  # last, in seconds since 1970


@dataclass(frozen=True)
class Usage:
    """All that a store holds, and its runs."""

    holdings: tuple[Holding, ...]
    runs: tuple[RunRecord, ...]  # of all suites, the oldest first

    @cached_property
    def latest(self) -> tuple[RunRecord, ...]:
        """Of each suite and each part of one the last run."""
        return tuple({run.name: run for run in self.runs}.values())

    def of_runs(self, runs: Iterable[RunRecord]) -> tuple[Holding, ...]:
        """What these runs refer to."""
        named = named_by(runs)
        return tuple(each for each in self.holdings if each.key in named.get(each.kind, ()))

    def unused(self, runs: Iterable[RunRecord], planned: Iterable[str] = (), days: float = 1.0) -> tuple[Holding, ...]:
        """Records that none of these runs refers to, no plan has (`planned`: keys of trials) and that are older.

        A run that has not ended has no record yet: what it wrote is younger. Caches are not among them.
        """
        named = named_by(runs)
        named["trials"] |= set(planned)
        named[SNAPSHOTS] = set(planned) - {each.key for each in self.holdings if each.kind == "trials"}
        before = time.time() - days * DAY
        records = (each for each in self.holdings if each.kind != CACHE and each.changed < before)
        return tuple(each for each in records if each.key not in named.get(each.kind, ()))


def usage_of(store: Store) -> Usage:
    """All that a store holds. Raises `UserError` where the record of a run cannot be read."""
    runs = (store.read_run(path.parent.name, path.stem) for path in (store.root / "suites").glob("*/*.json"))
    return Usage(tuple(_holdings(store)), tuple(sorted(runs, key=lambda run: run.run_id)))


def named_by(runs: Iterable[RunRecord]) -> dict[str, set[str]]:
    """The keys of all records that some run refers to, by kind."""
    found: dict[str, set[str]] = {kind: set() for kind in RECORDS}
    for run in runs:
        trials: Mapping[str, Iterable[str]] = {"trials": run.outcomes, "failures": run.outcomes}
        others = {
            "artifacts": run.artifacts,
            "evaluations": run.evaluations,
            "latency": run.latencies,
            "throughput": run.throughputs,
        }
        for kind, keys in {**trials, **others}.items():
            found[kind].update(keys)
    return found


def remove(holdings: Iterable[Holding]) -> None:
    """Remove these from the disk, but for caches that a process has open."""
    for each in holdings:
        if each.kind == CACHE:
            remove_unused(each.path)
        elif each.path.is_dir():
            shutil.rmtree(each.path)
        else:
            each.path.unlink(missing_ok=True)


def _holdings(store: Store) -> Iterator[Holding]:
    for kind in (*RECORDS, CACHE):
        folder = store.root / kind
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if path != folder / "lock" and not path.name.startswith(PREFIX):  # the lock is of all caches together
                yield _held(kind, path.name.partition(".")[0], path)
    for folder in store.folders():
        for path in dead_drafts(folder):
            yield _held(DRAFTS, path.name, path)


def _held(kind: str, key: str, path: Path) -> Holding:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    facts = [file.stat() for file in files]
    changed = max((fact.st_mtime for fact in facts), default=path.stat().st_mtime)
    return Holding(kind, key, path, sum(fact.st_size for fact in facts), changed)
