"""From a suite to the graph of trials that it asks for: pure functions, no files, no torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from kdbench.spec.errors import Problem, UserError
from kdbench.spec.planning.choices import NOTHING_DONE, Done
from kdbench.spec.planning.entry import ALONE, REPORTED, Entry
from kdbench.spec.planning.graph import Graph
from kdbench.spec.planning.pair import PairGraph
from kdbench.spec.resolve import fill, locate, resolve
from kdbench.spec.signature import Catalog
from kdbench.spec.suite import Suite
from kdbench.spec.trial import Trial


@dataclass(frozen=True)
class Plan:
    """A resolved suite, its rows, and its trials by key, each after its parents."""

    suite: Suite
    entries: tuple[Entry, ...]
    trials: Mapping[str, Trial]
    later: tuple[str, ...] = ()  # what will be added once the trials that it depends on are done

    @cached_property
    def waves(self) -> tuple[tuple[Trial, ...], ...]:
        """The trials by depth of the graph: a wave needs only what the waves before it left."""
        depth: dict[str, int] = {}
        for key, trial in self.trials.items():
            depth[key] = max((1 + depth[parent] for parent in trial.parents), default=0)
        found: list[list[Trial]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
        for key, trial in self.trials.items():
            found[depth[key]].append(trial)
        return tuple(map(tuple, found))

    @cached_property
    def reported(self) -> frozenset[str]:
        """The keys of what a row reports: these are exported, evaluated and timed; steps are only trained."""
        return frozenset(entry.key for entry in self.entries if entry.role in REPORTED)

    @cached_property
    def evaluated(self) -> frozenset[str]:
        """The keys of confirmations and stages that no row reports: exported, and evaluated on clean images alone."""
        return frozenset(e.key for e in self.entries if e.role in ("confirmation", "stage")) - self.reported

    def parents(self, trial: Trial) -> tuple[Trial, ...]:
        """The trials that must be done before this one, in its order."""
        return tuple(self.trials[key] for key in trial.parents)


def plan(suite: Suite, catalog: Catalog, done: Done = NOTHING_DONE) -> Plan:
    """The graph of trials of a suite, as far as it follows from what is done.

    What the tuning chooses, and which candidate is to be confirmed, depends on trained trials: their rows are planned
    once these are in `done`, the trials that have ended by key. Raises `UserError` with every problem found.
    """
    written = {pair.label: pair for pair in suite.pairs}
    suite, problems = resolve(suite, catalog)
    if problems:
        raise UserError(Problem(f"{p.what} at {locate(at)}", p.where, p.source, p.help) for at, p in problems)
    graph = Graph(suite, catalog, done)
    lone = fill(ALONE, "losses", catalog, (), [])
    for pair in suite.pairs:
        PairGraph(graph, pair, written[pair.label], lone).add()
    return Plan(suite, tuple(graph.entries), graph.trials, tuple(graph.later))
