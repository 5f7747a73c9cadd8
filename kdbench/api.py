"""The Python interface: what the command line does, as functions. Only `run` shows something: its progress."""

import os
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydantic import ModelWrapValidatorHandler, model_validator

from kdbench import spec
from kdbench.execute.events import RunEvent
from kdbench.execute.this_processor import on_this_processor
from kdbench.execute.workers.executors import Subprocesses
from kdbench.execute.workers.place import Place, UseOfCache
from kdbench.results import Baseline, LatencyComparison, ResultSet, Store, load_baseline, load_run
from kdbench.results.baselines.files import onnx_files
from kdbench.results.drafts import temporary_folder
from kdbench.results.finished import ended, finished
from kdbench.results.frames import curve_frame, entry_frame, evaluation_frame
from kdbench.results.machine.facts import usable_cores
from kdbench.results.runs.chosen import chosen_run
from kdbench.spec import Plan, UserError
from kdbench.spec.comparison import Metric
from kdbench.spec.generators import drain
from kdbench.zoo.catalog import Catalog

if TYPE_CHECKING:
    import pandas as pd

    from kdbench.analyze import Summary, Verdict
    from kdbench.cli.telling.progress import Telling

Listener = Callable[[RunEvent], None]
NO_HOME = Path("~")


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:  # $HOME is not set and the user has no name, as in many containers
        return NO_HOME


DEFAULT_DATA = Path(os.environ.get("XDG_CACHE_HOME") or _home() / ".cache") / "kdbench"


class Suite(spec.Suite):
    """A suite made in Python, checked when it is made as a suite file is when it is read.

    Raises `UserError` with all that is wrong. What a plug-in has to say of its own options is asked when it is planned.
    """

    @model_validator(mode="wrap")
    @classmethod
    def _check(cls, content: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        spec.check_suite(content, Catalog())
        return handler(content)


def load_suite(name: str | Path, plugins: Sequence[str] = ()) -> Suite:
    """The suite in a file, or one that runs by name. Raises `UserError` with all that is wrong."""
    found = spec.load_suite(spec.find_suite(str(name)), Catalog(plugins))
    return Suite.model_construct(found.model_fields_set, **dict(found))


def plan(suite: spec.Suite, plugins: Sequence[str] = (), store: Store | None = None) -> Plan:
    """The graph of trials that a suite asks for. Imports no torch.

    With a store, what follows from its trials is planned as well: see `kdbench.spec.planning`.
    """
    catalog, suite = Catalog(plugins), on_this_processor(suite)
    found = spec.plan(suite, catalog)
    while store:
        further = spec.plan(suite, catalog, finished(store, ended(found.trials, store)))
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
    if NO_HOME in Path(data).parents:
        help = "name a folder with --data, or set HOME"
        raise UserError(
            "there is no home folder to keep data in: HOME is not set, and this user has no name", help=help
        )
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


@dataclass(frozen=True)
class Results:
    """One run of a suite: its records, all figures of its report, and tidy data frames (see docs/python.md)."""

    records: ResultSet

    def __repr__(self) -> str:
        run = self.records.run
        return f"Results of '{run.name}': {len(self.records.trials)} trials, run {run.run_id}"

    @cached_property
    def summary(self) -> "Summary":
        """Every figure of the report."""
        from kdbench.analyze import summarize  # scipy, .4 s

        return summarize(self.records)

    def frame(self) -> "pd.DataFrame":
        """One row for each teacher and student: accuracy, size and cost of training."""
        return entry_frame(self.records)

    def curves(self) -> "pd.DataFrame":
        """One row for each epoch of each of them."""
        return curve_frame(self.records)

    def conditions(self) -> "pd.DataFrame":
        """One row for each of their exported files and variants, and each condition of the test images."""
        return evaluation_frame(self.records)

    def gains(self) -> "pd.DataFrame":
        """One row for each student: its gain over the student alone, with interval and verdict, as reported."""
        from kdbench.analyze.frames import gain_frame

        return gain_frame(self.summary)

    def latencies(self) -> "pd.DataFrame":
        """One row for each deployed architecture and way of timing."""
        from kdbench.analyze.frames import latency_frame

        return latency_frame(self.summary)


def run(suite: spec.Suite | str | Path, where: Place | None = None, on_event: Listener | None = None) -> Results:
    """Train, export, measure and record what a suite asks for and the store lacks.

    A suite may be given by its name or file. Progress is shown on stderr, or told to `on_event` alone. Raises
    `UserError` before any training where the input is bad; a trial that fails is an outcome, no exception.
    """
    from kdbench.cli.telling.progress import follow
    from kdbench.execute.run import run_suite  # scipy, .4 s: not for a plan

    with where or place() as here:
        wanted = suite if isinstance(suite, spec.Suite) else load_suite(suite, here.plugins)
        command = "" if isinstance(suite, spec.Suite) else f"kdbench run {shlex.quote(str(suite))}"
        events = run_suite(wanted, here, command)
        record = drain(events, on_event) if on_event else follow(events, live=True, store=here.store)
    return Results(load_run(here.store, record))


@dataclass(frozen=True)
class Checked:
    """A run that was held against a baseline: what was compared, and the verdict."""

    baseline: Baseline
    records: ResultSet
    comparisons: Sequence[LatencyComparison]
    verdict: "Verdict"


def check(
    suite: spec.Suite | str | Path,
    baseline: str | Path,
    where: Place | None = None,
    *,
    only: Sequence[Metric] = (),
    no_latency: bool = False,
    max_seeds: int | None = None,
    asked: str = "",
    kept: Path | None = None,
    telling: "Telling | None" = None,
) -> Checked:
    """Run what a suite lacks in the store, and hold it against the baseline in a folder, as `kdbench check` does.

    Only the metrics of `only` are judged, where it names some. Where seeds decide nothing, so many as `max_seeds` are
    trained, once; both judgements share the error. `asked` is how a user runs the suite, and `kept` where results are
    kept if not there, for the commands that freeze a new baseline. Raises `BaselineError` where the baseline is
    missing, damaged, or of another suite.
    """
    from kdbench.analyze import judge
    from kdbench.analyze.gate.rebaseline import rebaseline
    from kdbench.analyze.gate.seeds import FURTHER_LOOKS, refuse_seeds
    from kdbench.cli.telling.progress import Telling, follow
    from kdbench.execute.run import run_suite
    from kdbench.execute.timing.baseline_timing import compare_with_baseline

    telling = telling or Telling()
    with where or place() as here, temporary_folder() as scratch:
        wanted = suite if isinstance(suite, spec.Suite) else load_suite(suite, here.plugins)
        frozen = load_baseline(Path(baseline), wanted.name)
        without = _left_out(frozen, only, no_latency)
        if max_seeds:
            refuse_seeds(max_seeds, frozen)
        timed = "latency" not in without
        files = onnx_files(frozen, Path(baseline), scratch) if timed else {}
        gates = tuple(gate for gate in frozen.gates if gate.metric not in without)
        asked = asked or ("" if isinstance(suite, spec.Suite) else shlex.quote(str(suite)))
        kept = kept or here.store.root
        options = [word for name in here.plugins for word in ("-p", name)]
        options += ["--results", str(kept)] if kept != Path("results") else []
        command = f"kdbench run {asked} {shlex.join(options)}".rstrip() if asked else ""

        def results_of(suite: spec.Suite) -> ResultSet:
            events = run_suite(suite, here, command, gates=gates)
            return load_run(here.store, follow(events, live=True, telling=telling, store=here.store))

        found = results_of(wanted)
        timing = compare_with_baseline(frozen, files, found, here)
        comparisons = follow(timing, live=True, telling=telling) if timed else []
        how: dict[str, Any] = {"without": without, "looks": FURTHER_LOOKS if max_seeds else 1}
        verdict = judge(frozen, found, comparisons, **how)
        if max_seeds and verdict.lacks_seeds:
            found = results_of(wanted.with_seeds(max_seeds))
            verdict = judge(frozen, found, comparisons, **how)
    renewed = rebaseline(frozen, found, Path(baseline), asked, options)
    return Checked(frozen, found, comparisons, replace(verdict, rebaseline=renewed))


def _left_out(frozen: Baseline, only: Sequence[Metric], no_latency: bool) -> tuple[Metric, ...]:
    """The metrics that are not judged; raises `UserError` where nothing would be."""
    there = {gate.metric for gate in frozen.gates}
    without = tuple(m for m in there if (only and m not in only) or (no_latency and m == "latency"))
    if not there - set(without):
        raise UserError("no gate is left to judge", help=f"the baseline has gates of: {', '.join(sorted(there))}")
    return without


def assert_no_regression(
    suite: spec.Suite | str | Path,
    baseline: str | Path,
    where: Place | None = None,
    *,
    strict: bool = True,
    only: Sequence[Metric] = (),
    no_latency: bool = False,
    max_seeds: int | None = None,
) -> "Verdict":
    """`check` as an assertion, for a test: raises `AssertionError` with what regressed and what changed.

    It fails too where nothing was measured or the baseline cannot be compared with, and under `strict` where figures
    are inconclusive.
    """
    from kdbench.report.check.verdict import verdict_text

    verdict = check(suite, baseline, where, only=only, no_latency=no_latency, max_seeds=max_seeds).verdict
    if verdict.exit_code(strict):
        raise AssertionError(verdict_text(verdict))
    return verdict


def load_results(suite: str | Path, results: str | Path = "results", run: str | None = None) -> Results:
    """The latest run of a suite, given by its name or file; or the run whose id begins or ends with `run`.

    Raises `UserError` where there is none.
    """
    store = Store(Path(results))
    return Results(load_run(store, chosen_run(store, str(suite), run)))


def render(results: Results, reports: str | Path = "reports") -> tuple[Path, Path]:
    """Render `reports/<suite>/index.html` and `report.md`; returns both paths."""
    from kdbench.report import render_report

    return render_report(results.summary, Path(reports) / results.records.run.name)


__all__ = [
    "DEFAULT_DATA", "Checked", "Results", "Suite", "assert_no_regression", "check", "drain", "load_results",
    "load_suite", "place", "plan", "render", "run",
]  # fmt: skip
