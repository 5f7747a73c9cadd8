"""kdbench run"""

from pathlib import Path
from typing import Any

import click

from kdbench.cli import options


@click.command(name="run")
@options.suite_argument
@options.results_option
@options.reports_option
@options.place_options
@options.part_options
def command(
    results: Path,
    reports: Path,
    how: dict[str, Any],
    suite: str,
    part: dict[str, Any],
) -> int:
    """Train, export, time and report what a suite asks for; what is done already is not done again.

    SUITE is a name (`kdbench list suites`) or a path to a .toml file. Exit code 1 says that a trial failed.
    """
    from kdbench import api
    from kdbench.cli.progress import follow, invocation
    from kdbench.cli.restrict import restrict
    from kdbench.execute.run import run_suite
    from kdbench.results import load_run
    from kdbench.results.store import prepare_folder

    where = api.place(results, **how)
    wanted = restrict(api.load_suite(suite, where.plugins), **part)
    prepare_folder(reports, "reports")  # before the work, not after it
    with where:
        run = follow(run_suite(wanted, where, invocation()), live=True)
    found = load_run(where.store, run)
    if not found.trials:
        click.echo("error: nothing was measured: no trial came to its end (reasons above)", err=True)
        return 1 if run.failed else 6
    html, markdown = api.render(api.Results(found), reports)
    click.echo(f"HTML report:     {html}")
    click.echo(f"Markdown report: {markdown}")
    return 1 if run.failed else 0
