"""kdbench history"""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kdbench.cli import options

if TYPE_CHECKING:
    from kdbench.analyze.history import Series


@click.command(
    name="history",
    epilog=options.examples("kdbench history my.toml", "kdbench history my-suite --checks downloaded/artifacts"),
)
@options.stored_suite_argument
@click.option(
    "--checks",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of past checks, searched with all below it. [default: RESULTS/checks]",
)
@options.results_option
@options.reports_option
@options.open_option
@options.json_option
def command(suite: str, folder: Path | None, results: Path, reports: Path, show: bool, as_json: bool) -> None:
    """Tell how a suite's figures moved over its past checks, and find slow drifts that each check let pass.

    `kdbench check` keeps what it found in RESULTS/checks. Writes history.html and history.md beside the report.
    """
    from kdbench.analyze.history import history_of
    from kdbench.report.history import history_lines, render_history
    from kdbench.results.baselines.checks import read_checks
    from kdbench.results.store import prepare_folder
    from kdbench.spec import suite_name

    checks = read_checks(folder or results / "checks", suite_name(suite))
    found = history_of(checks)
    if as_json:
        figures = [_facts(series) for series in found]
        click.echo(json.dumps({"suite": checks[0].suite, "checks": len(checks), "figures": figures}, indent=1))
        return
    prepare_folder(reports, "reports")
    html, markdown = render_history(checks, found, reports / checks[0].suite)
    click.echo("\n".join(history_lines(checks, found)))
    click.echo(f"\n{html}\n{markdown}")
    if show:
        click.launch(str(html))


def _facts(series: "Series") -> dict[str, object]:
    return {
        "kind": series.kind,
        "what": series.what,
        "change": series.change,
        "interval": [series.interval.low, series.interval.high] if series.interval else None,
        "allowed": series.allowed,
        "worse": series.worse,
        "beyond": series.beyond,
        "regressed": series.regressed,
        "levels": [
            {"mean": level.mean, "checked": level.points[0].check.checked, "commit": level.points[0].check.commit}
            for level in series.levels
        ],
        "points": [{"checked": point.check.checked, "value": point.value} for point in series.points],
    }
