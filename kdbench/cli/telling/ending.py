"""What `run` and `report` end with: the answer, what failed, and where the report is."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from kdbench.api import Results
    from kdbench.results import ResultSet

Pages = tuple[Path, Path]


def tell_results(results: "Results", pages: Pages | None) -> None:
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
    tell_pages(pages)


def results_record(results: "Results", pages: Pages | None) -> dict[str, object]:
    """The same as JSON; without pages there is no answer."""
    from kdbench.analyze import recommend
    from kdbench.report.terminal import answer_record

    run = results.records.run
    unlike = {key: outcome for key, outcome in run.outcomes.items() if outcome.status != "done"}
    return {
        "suite": run.name,
        "run": run.run_id,
        "answer": answer_record(recommend(results.summary)) if pages else None,
        "failures": [{"key": key, **outcome.model_dump()} for key, outcome in unlike.items()],
        **pages_record(pages),
    }


def tell_lost(results: "ResultSet") -> None:
    """Which records of a run are missing, where its answer, which says so too, is not shown."""
    if results.lost:
        click.echo(f"note: {results.run.name}: {results.lost_told}", err=True)


def pages_record(pages: Pages | None) -> dict[str, object]:
    """Where they are."""
    html, markdown = map(str, pages) if pages else (None, None)
    return {"html": html, "markdown": markdown}


def tell_pages(pages: Pages) -> None:
    """Where they are."""
    html, markdown = pages
    click.echo(f"\nHTML report:     {html}\nMarkdown report: {markdown}")


def open_page(html: Path) -> None:
    """Open a page in the user's browser; where there is none, say so."""
    import webbrowser

    if not webbrowser.open(html.resolve().as_uri()):
        click.echo(f"note: no browser was found to open '{html}'", err=True)
