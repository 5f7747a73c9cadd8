"""kdbench runs"""

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kdbench.cli import options

if TYPE_CHECKING:
    from kdbench.results import RunRecord


@click.command(name="runs", epilog=options.examples("kdbench runs fashion", "kdbench report fashion --run 830d"))
@options.stored_suite_argument
@options.json_option
@options.results_option
def command(suite: str, as_json: bool, results: Path) -> None:
    """List the runs of a suite and of its parts, the latest last.

    `report`, `baseline` and `power` take the latest run of the whole suite, or the one that --run names.
    """
    from kdbench.results import Store
    from kdbench.results.runs.chosen import chosen_run
    from kdbench.spec import suite_name

    store, name = Store(results), suite_name(suite)
    runs = [store.read_run(folder, run_id) for run_id, folder in store.run_ids(name).items()]
    if not runs:
        chosen_run(store, suite)  # says what to do
    if as_json:
        click.echo(json.dumps([_facts(run) for run in runs], indent=1))
        return
    for run in runs:
        click.echo(_line(run))


def _line(run: "RunRecord") -> str:
    counts = Counter(outcome.status for outcome in run.outcomes.values())
    told = ", ".join(f"{counts[status]} {status}" for status in ("done", "failed", "skipped") if counts[status])
    return f"{run.run_id}  {told}; {run.seconds / 60:.1f} min  {run.again}  {run.part or 'all of it'}"


def _facts(run: "RunRecord") -> dict[str, object]:
    counts = Counter(outcome.status for outcome in run.outcomes.values())
    return {
        "run": run.run_id,
        "suite": run.name,
        "part": run.part,
        "command": run.command,
        "started": run.started,
        "seconds": run.seconds,
        **{status: counts[status] for status in ("done", "failed", "skipped")},
    }
