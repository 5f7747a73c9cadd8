"""kdbench report"""

from pathlib import Path

import click

from kdbench.cli import options


@click.command(name="report")
@click.argument("suite", metavar="SUITE")
@options.results_option
@options.reports_option
def command(suite: str, results: Path, reports: Path) -> None:
    """Render the report of a suite's latest run again, from its records. Trains and measures nothing."""
    from kdbench import api
    from kdbench.results import Store, load_suite_results
    from kdbench.results.store import prepare_folder
    from kdbench.spec import suite_name

    found = load_suite_results(Store(results), suite_name(suite))
    prepare_folder(reports, "reports")
    html, markdown = api.render(found, reports)
    click.echo(f"HTML report:     {html}")
    click.echo(f"Markdown report: {markdown}")
