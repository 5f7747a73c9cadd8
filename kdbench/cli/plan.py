"""kdbench plan"""

import json
from pathlib import Path
from typing import Any

import click

from kdbench.cli import options


@click.command(name="plan")
@options.suite_argument
@options.results_option
@options.plugin_option
@options.part_options
@click.option("--json", "as_json", is_flag=True, help="Every trial in full, as JSON lines.")
def command(
    suite: str,
    results: Path,
    plugins: tuple[str, ...],
    part: dict[str, Any],
    as_json: bool,
) -> None:
    """Show the trials that a suite asks for, wave by wave, and which are done. Trains nothing."""
    from kdbench import api
    from kdbench.cli.restrict import restrict
    from kdbench.results import Store

    wanted = restrict(api.load_suite(suite, plugins), **part)
    plan = api.plan(wanted, plugins)
    store = Store(results)
    rows = {entry.key: entry for entry in reversed(plan.entries)}
    what = {key: entry.title for key, entry in rows.items()}
    width = max(map(len, what.values()))
    done = sum(store.is_trained(key) for key in plan.trials)
    for number, wave in enumerate(plan.waves):
        if not as_json:
            click.echo(f"wave {number}: {len(wave)} trial{'s' * (len(wave) > 1)}")
        for trial in wave:
            state = "done" if store.is_trained(trial.key) else "to do"
            if as_json:
                content = {"key": trial.key, "wave": number, "state": state, "trial": trial.model_dump(mode="json")}
                click.echo(json.dumps(content))
                continue
            entry = rows[trial.key]
            before = f"  <- {', '.join(trial.parents)}" if trial.parents else ""
            click.echo(f"  {trial.key}  {state:5}  {what[trial.key]:{width}}  {entry.model}  seed {entry.seed}{before}")
    click.echo(f"{len(plan.trials)} trials, {done} done, {len(plan.trials) - done} to do", err=as_json)
