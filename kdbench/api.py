"""The Python interface: what the command line does, as functions that print nothing."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from kdbench import spec
from kdbench.execute.events import RunEvent
from kdbench.execute.this_processor import on_this_processor
from kdbench.execute.workers.executors import Subprocesses
from kdbench.execute.workers.place import Place, UseOfCache
from kdbench.results import Outcome, ResultSet, Store, load_run
from kdbench.results.finished import finished
from kdbench.results.machine.facts import usable_cores
from kdbench.spec import Plan, Suite
from kdbench.spec.generators import drain
from kdbench.zoo.catalog import Catalog

Listener = Callable[[RunEvent], None]
DEFAULT_DATA = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kdbench"


def load_suite(name: str | Path, plugins: Sequence[str] = ()) -> Suite:
    """The suite in a file, or one that runs by name. Raises `UserError` with all that is wrong."""
    return spec.load_suite(spec.find_suite(str(name)), Catalog(plugins))


def plan(suite: Suite, plugins: Sequence[str] = (), store: Store | None = None) -> Plan:
    """The graph of trials that a suite asks for. Imports no torch.

    With a store, what follows from its trials is planned as well: see `kdbench.spec.planning`.
    """
    catalog, suite = Catalog(plugins), on_this_processor(suite)
    found = spec.plan(suite, catalog)
    before = store.latest_run(suite.name).outcomes if store and suite.name in store.suites() else {}
    while store:
        trained = {key: Outcome(status="done") for key in found.trials if store.is_trained(key)}
        failed = {key: outcome for key, outcome in before.items() if outcome.status != "done"}
        further = spec.plan(suite, catalog, finished(store, failed | trained))
        if further.trials.keys() == found.trials.keys():
            return further
        found = further
    return found


def place(
    results: str | Path = "results",
    *,
    data: str | Path = DEFAULT_DATA,
    workers: int | None = None,
    threads: int | None = None,
    device: str = "cpu",
    plugins: Sequence[str] = (),
    cache: UseOfCache = "use",
    cache_limit: int = 8 * 10**9,
) -> Place:
    """Where things run: by default on all cores that this process may use, divided as a short probe finds best.

    `cache`: what to do where there is no room for teacher outputs within `cache_limit` bytes: run the teacher on
    every batch ("use"), or stop ("require"). "off" never stores any.
    """
    return Place(
        store=Store(Path(results)),
        executor=Subprocesses(workers or (max(1, usable_cores() // (threads or 1)) if device == "cpu" else 1)),
        data_root=Path(data),
        device=device,
        plugins=tuple(plugins),
        threads=threads,
        cache=cache,
        cache_limit=cache_limit,
    )


def run(suite: Suite, where: Place | None = None, on_event: Listener | None = None) -> ResultSet:
    """Train, export, measure and record what a suite asks for and the store lacks.

    Raises `UserError` before any training where the input is bad; a trial that fails is an outcome, no exception.
    """
    from kdbench.execute.run import run_suite  # scipy, .4 s: not for a plan

    with where or place() as here:
        record = drain(run_suite(suite, here), on_event)
    return load_run(here.store, record)


def render(results: ResultSet, reports: str | Path = "reports") -> tuple[Path, Path]:
    """Render `reports/<suite>/index.html` and `report.md`; returns both paths."""
    from kdbench.analyze.summary import summarize
    from kdbench.report import render_report

    return render_report(summarize(results), Path(reports) / results.run.name)


__all__ = ["DEFAULT_DATA", "drain", "load_suite", "place", "plan", "render", "run"]
