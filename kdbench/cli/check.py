"""kdbench check"""

import math
import os
import shlex
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kdbench.cli import options

if TYPE_CHECKING:
    from kdbench.cli.telling.progress import Telling
    from kdbench.spec.comparison import Metric


def _metrics(_context: click.Context, _option: click.Parameter, text: str | None) -> tuple["Metric", ...]:
    """The metrics that are named, with commas between."""
    from kdbench.spec.comparison import METRICS
    from kdbench.spec.errors import nearest

    names = [name.strip() for name in (text or "").split(",") if name.strip()]
    for name in names:
        if name not in METRICS:
            raise click.BadParameter(f"no gate is of '{name}': {nearest(name, METRICS)}")
    return tuple(metric for metric in METRICS if metric in names)


@click.command(
    name="check",
    epilog=options.examples("kdbench check my.toml --baseline baselines/my --fresh --strict    # in CI"),
)
@options.suite_argument
@click.option("--baseline", "folder", type=click.Path(path_type=Path), required=True, help="Folder of the baseline.")
@click.option("--fresh", is_flag=True, help="Train everything anew instead of using the records in --results.")
@click.option("--strict", is_flag=True, help="Exit with 4 where the answer is inconclusive, instead of 0: for CI.")
@click.option(
    "--only", metavar="METRICS", callback=_metrics, help="Judge these alone, with commas between: top1,latency."
)
@click.option(
    "--max-seeds",
    type=click.IntRange(min=2, max=1000),
    help="Where seeds decide nothing, train so many, once, and judge again.",
)
@click.option("--no-latency", is_flag=True, help="Time nothing.")
@click.option("--explain", is_flag=True, help="Tell how each verdict came about: values, rule and what it found.")
@click.option("--report", is_flag=True, help="Render the report of the run too, as `kdbench run` does.")
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as JSON.")
@click.option(
    "--checks", type=click.Path(path_type=Path), help="Keep it here for `kdbench history`. [default: RESULTS/checks]"
)
@options.results_option
@options.reports_option
@options.place_options
@options.part_options
@options.telling_options
def command(
    suite: str,
    part: dict[str, Any],
    telling: "Telling",
    folder: Path,
    fresh: bool,
    strict: bool,
    only: tuple["Metric", ...],
    no_latency: bool,
    explain: bool,
    max_seeds: int | None,
    report: bool,
    as_json: bool,
    checks: Path | None,
    results: Path,
    reports: Path,
    how: dict[str, Any],
) -> int:
    """Hold a suite's results against a baseline: accuracy, parameters, FLOPs and bytes, and what its gates ask for.

    Runs what is missing, then times new against baseline ONNX interleaved in one run where a gate is of latency.
    Writes verdict.md, verdict.json and verdict.xml (JUnit) beside the report. Exit codes: 0 pass, 3 regression, 4
    inconclusive under --strict, 5 baseline missing or incompatible, 6 nothing measured. In CI use --strict: without
    it, a check that could decide nothing exits with 0. The baseline of a part of a suite is checked with the options
    of that part (--seeds ...).
    """
    from kdbench import api
    from kdbench.analyze.history import record_of
    from kdbench.cli.restrict import restrict
    from kdbench.report.check.annotations import annotations
    from kdbench.report.check.benchmark import write_benchmarks
    from kdbench.report.check.explanation import explanation
    from kdbench.report.check.terminal import verdict_lines
    from kdbench.report.check.verdict import remove_verdict, render_verdict, undecided
    from kdbench.report.writing.markdown import markdown_text
    from kdbench.results.baselines.checks import commit_here, write_check
    from kdbench.results.drafts import temporary_folder
    from kdbench.results.store import prepare_folder
    from kdbench.spec import suite_name
    from kdbench.zoo.catalog import Catalog

    kept = results
    with ExitStack() as stack:
        stack.enter_context(_refusal_told(suite))
        if not any(part.values()):
            remove_verdict(reports / suite_name(suite))  # whether or not the suite can be read
        if fresh:
            results = stack.enter_context(temporary_folder())
        wanted = restrict(api.load_suite(suite, how["plugins"]), Catalog(how["plugins"]), **part)
        prepare_folder(reports, "reports")
        remove_verdict(reports / wanted.name)
        began = datetime.now(UTC).isoformat(timespec="seconds")
        where, asked = api.place(results, **how), _asked(suite, part, how.get("data"))
        limits: dict[str, Any] = {"only": only, "no_latency": no_latency, "max_seeds": max_seeds}
        checked = api.check(wanted, folder, where, asked=asked, kept=kept, telling=telling, **limits)
    verdict, run = checked.verdict, checked.records.run
    written = render_verdict(verdict, reports / wanted.name, strict=strict)
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else math.inf
    click.echo(written["json"].read_text("utf-8") if as_json else verdict_lines(verdict, width))
    if explain:
        click.echo("\n".join(explanation(verdict, strict=strict)), err=as_json)
    write_benchmarks(checked.comparisons, run.machine, began, reports / wanted.name / "benchmark")
    write_check(checks or kept / "checks", record_of(verdict, checked.baseline, run, began, commit_here()))
    if warning := undecided(verdict, strict=strict):
        click.echo(f"inconclusive: {warning}", err=True)
    done = sum(outcome.status == "done" for outcome in run.outcomes.values())
    trained = run.trained if run.started >= began else ()  # where all was there, the earlier run's record stands
    if reused := done - len(trained):
        click.echo(f"note: {reused} of {done} trials came from '{results}'; --fresh trains anew", err=True)
    pages = [written["markdown"].read_text("utf-8")]
    if report and checked.records.trials:
        summary = api.render(api.Results(checked.records), reports)[0].with_name("summary.md")
        pages.append(f"\n## Report: {markdown_text(wanted.name)}\n\n{summary.read_text('utf-8')}")
    _tell_github(annotations(verdict, suite, strict=strict), pages)
    return verdict.exit_code(strict) or (1 if run.failed - {*checked.baseline.failed} else 0)


@contextmanager
def _refusal_told(suite: str) -> Iterator[None]:
    """Tell GitHub, too, why a check came to no verdict."""
    from kdbench.report.check.annotations import refusal
    from kdbench.report.check.verdict import refusal_markdown
    from kdbench.spec import UserError

    try:
        yield
    except UserError as error:
        _tell_github([refusal(error, suite)], [refusal_markdown(error, suite)])
        raise


def _tell_github(annotations: Iterable[str], pages: Iterable[str]) -> None:
    """Where an action of GitHub's runs this: annotations, and Markdown on the page of the job."""
    if os.environ.get("GITHUB_ACTIONS") == "true":
        for line in annotations:
            click.echo(line, err=True)
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(summary).open("a", encoding="utf-8") as file:
            file.writelines(pages)


def _asked(suite: str, part: Mapping[str, Any], data: Path | None) -> str:
    """The suite as it was given, with its part and data, for a command that can be copied."""
    told = {**part, "data": data}.items()
    given = ((name, value if isinstance(value, tuple) else (value,)) for name, value in told if value)
    options = [f"--{name} {shlex.quote(str(value))}" for name, values in given for value in values]
    return " ".join([shlex.quote(suite), *options])
