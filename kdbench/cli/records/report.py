"""kdbench report"""

import json
from pathlib import Path

import click

from kdbench.cli import complete, options
from kdbench.cli.records.edited import results_of


@click.command(
    name="report",
    epilog=options.examples(
        "kdbench report fashion --open",
        "kdbench report fashion@seeds=2    # a part that was run, as `kdbench runs fashion` lists them",
        "kdbench report fashion --run 830d",
    ),
)
@click.argument("suites", metavar="SUITE...", nargs=-1, required=True, shell_complete=complete.stored_suites)
@options.results_option
@options.reports_option
@options.run_option
@options.open_option
@options.json_option
def command(suites: tuple[str, ...], results: Path, reports: Path, run: str | None, show: bool, as_json: bool) -> None:
    """Render the report of a suite's latest run again, from its records. Trains and measures nothing.

    Of several suites there is one more page: what their pairs have in common, over all of them together.
    """
    from kdbench import api
    from kdbench.cli.telling.ending import open_page, pages_record, results_record, tell_pages, tell_results
    from kdbench.report.across import render_across
    from kdbench.results.store import prepare_folder
    from kdbench.spec import suite_name

    if run and len(suites) > 1:
        raise click.BadParameter("give one suite with --run, whose run it is", param_hint="--run")
    asked = {suite_name(suite): suite for suite in suites}
    found = [results_of(suite, results, run) for suite in asked.values()]
    prepare_folder(reports, "reports")
    pages = [api.render(each, reports) for each in found]
    together = [render_across([each.summary for each in found], reports)] if len(found) > 1 else []
    if as_json:
        records = [results_record(each, made) for each, made in zip(found, pages, strict=True)]
        records += [{"suites": list(asked), **pages_record(made)} for made in together]
        click.echo(json.dumps(records, indent=1, ensure_ascii=False))
    else:
        for each, made in zip(found, pages, strict=True):
            tell_results(each, made)
        for made in together:
            tell_pages(made)
    if show:
        open_page((*pages, *together)[-1][0])
