"""kdbench report"""

from pathlib import Path

import click

from kdbench.cli import complete, options


@click.command(name="report")
@click.argument("suites", metavar="SUITE...", nargs=-1, required=True, shell_complete=complete.stored_suites)
@options.results_option
@options.reports_option
def command(suites: tuple[str, ...], results: Path, reports: Path) -> None:
    """Render the report of a suite's latest run again, from its records. Trains and measures nothing.

    Of several suites there is one more page: what their pairs have in common, over all of them together.
    """
    from kdbench import api
    from kdbench.report.across import render_across
    from kdbench.results.store import prepare_folder
    from kdbench.spec import suite_name

    names = tuple(dict.fromkeys(suite_name(suite) for suite in suites))
    found = [api.load_results(name, results) for name in names]
    prepare_folder(reports, "reports")
    pages = [api.render(each, reports) for each in found]
    if len(names) > 1:
        pages.append(render_across([each.summary for each in found], reports))
    for html, markdown in pages:
        click.echo(f"HTML report:     {html}")
        click.echo(f"Markdown report: {markdown}")
