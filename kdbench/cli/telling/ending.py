"""What `run` and `report` end with: the answer, what failed, and where the report is."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from kdbench.api import Results

Pages = tuple[Path, Path]


def tell_results(results: "Results", pages: Pages | None, show: bool) -> None:
    """The headline, a ranking, failures with their reasons, and the pages; without pages, that there is nothing."""
    from kdbench.report.terminal import answer_text, failures_text

    run = results.records.run
    failures = failures_text(run)
    if run.failed:
        failures += f"\n  help: what would fail again is trained again by: {run.again} --retry-failed"
    if pages is None:
        click.echo("error: nothing was measured: no trial came to its end", err=True)
        click.echo(failures, err=True)
        return
    click.echo(answer_text(results.summary, min(120, shutil.get_terminal_size().columns)))
    if failures:
        click.echo(f"\n{failures}")
    tell_pages(pages, show)


def tell_pages(pages: Pages, show: bool) -> None:
    """Where they are; `show`: open the first in the browser."""
    html, markdown = pages
    click.echo(f"\nHTML report:     {html}\nMarkdown report: {markdown}")
    if show:
        import webbrowser

        if not webbrowser.open(html.resolve().as_uri()):
            click.echo(f"note: no browser was found to open '{html}'", err=True)
