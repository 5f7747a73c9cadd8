"""kdbench run"""

import json
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kdbench.cli import options

if TYPE_CHECKING:
    from kdbench.api import Results
    from kdbench.cli.telling.progress import Telling
    from kdbench.execute.events import RunEvent
    from kdbench.results import RunRecord, Store


@click.command(
    name="run",
    epilog=options.examples(
        "kdbench run quickstart --open",
        "kdbench run fashion --seeds 2 --losses cross_entropy,kd",
        "kdbench run fashion --trained    # a report of what an interrupted run has trained",
    ),
)
@options.suite_argument
@options.results_option
@options.reports_option
@options.open_option
@options.place_options
@options.part_options
@options.telling_options
@click.option("--trained", is_flag=True, help="Train nothing more: export, evaluate, time and report what is trained.")
@click.option("--retry-failed", is_flag=True, help="Train again what failed before and would fail again.")
@options.json_option
def command(
    results: Path,
    reports: Path,
    show: bool,
    how: dict[str, Any],
    suite: str,
    part: dict[str, Any],
    telling: "Telling",
    trained: bool,
    retry_failed: bool,
    as_json: bool,
) -> int:
    """Train, export, time and report what a suite asks for; what is done already is not done again.

    SUITE is a name (`kdbench list suites`) or a path to a .toml file. A part of it (--seeds, --losses, --trained ...)
    has a name and a report of its own, as `fashion@seeds=2`. Exit code 1 says that a trial failed.
    """
    from kdbench import api
    from kdbench.cli.restrict import restrict
    from kdbench.cli.telling.ending import open_page, results_record, tell_results
    from kdbench.cli.telling.progress import follow, invocation
    from kdbench.execute.run import run_suite
    from kdbench.results.store import prepare_folder
    from kdbench.zoo.catalog import Catalog

    where = api.place(results, **how)
    wanted = restrict(api.load_suite(suite, where.plugins), Catalog(where.plugins), trained=trained, **part)
    prepare_folder(reports, "reports")  # before the work, not after it
    with where:
        events = run_suite(wanted, where, invocation(), retry=retry_failed, train_more=not trained)
        found, pages = follow(_with_report(events, where.store, reports), live=True, telling=telling, store=where.store)
    if as_json:
        click.echo(json.dumps(results_record(found, pages), indent=1, ensure_ascii=False))
    else:
        tell_results(found, pages)
    if pages and show:
        open_page(pages[0])
    return 1 if found.records.run.failed else 0 if pages else 6


def _with_report(
    events: "Generator[RunEvent, None, RunRecord]", store: "Store", reports: Path
) -> "Generator[RunEvent, None, tuple[Results, tuple[Path, Path] | None]]":
    """The same events, and the report of the run; none where no trial came to its end."""
    from kdbench import api
    from kdbench.execute.events import Ahead
    from kdbench.results import load_run

    run = yield from events
    found = api.Results(load_run(store, run))
    if not found.records.trials:
        return found, None
    yield Ahead(work="report", units=1)
    return found, api.render(found, reports)
