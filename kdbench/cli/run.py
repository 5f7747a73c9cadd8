"""kdbench run"""

from pathlib import Path
from typing import Any

import click

from kdbench.cli import options


@click.command(name="run")
@options.suite_argument
@options.results_option
@options.reports_option
@options.open_option
@options.place_options
@options.part_options
@click.option("--trained", is_flag=True, help="Train nothing more: export, evaluate, time and report what is trained.")
@click.option("--retry-failed", is_flag=True, help="Train again what failed before and would fail again.")
def command(
    results: Path,
    reports: Path,
    show: bool,
    how: dict[str, Any],
    suite: str,
    part: dict[str, Any],
    trained: bool,
    retry_failed: bool,
) -> int:
    """Train, export, time and report what a suite asks for; what is done already is not done again.

    SUITE is a name (`kdbench list suites`) or a path to a .toml file. A part of it (--seeds, --losses, --trained ...)
    has a name and a report of its own, as `fashion@seeds=2`. Exit code 1 says that a trial failed.

    \b
    Examples:
      kdbench run quickstart --open
      kdbench run fashion --seeds 2 --losses cross_entropy,kd
      kdbench run fashion --trained         # a report of what an interrupted run has trained
    """
    from kdbench import api
    from kdbench.cli.ending import tell_results
    from kdbench.cli.progress import follow, invocation
    from kdbench.cli.restrict import restrict
    from kdbench.execute.run import run_suite
    from kdbench.results import load_run
    from kdbench.results.store import prepare_folder
    from kdbench.zoo.catalog import Catalog

    where = api.place(results, **how)
    wanted = restrict(api.load_suite(suite, where.plugins), Catalog(where.plugins), trained=trained, **part)
    prepare_folder(reports, "reports")  # before the work, not after it
    with where:
        events = run_suite(wanted, where, invocation(), retry=retry_failed, train_more=not trained)
        run = follow(events, live=True)
    found = load_run(where.store, run)
    if not found.trials:
        click.echo("error: nothing was measured: no trial came to its end (reasons above)", err=True)
        return 1 if run.failed else 6
    tell_results(api.render(api.Results(found), reports), show)
    return 1 if run.failed else 0
