"""What `run` and `report` end with."""

from pathlib import Path

import click


def tell_results(pages: tuple[Path, Path], show: bool) -> None:
    """Say where the reports are; `show`: open the page in the browser."""
    html, markdown = pages
    click.echo(f"HTML report:     {html}")
    click.echo(f"Markdown report: {markdown}")
    if show:
        open_page(html)


def open_page(html: Path) -> None:
    """Open a page in the user's browser; where there is none, say so."""
    import webbrowser

    if not webbrowser.open(html.resolve().as_uri()):
        click.echo(f"note: no browser was found to open '{html}'", err=True)
