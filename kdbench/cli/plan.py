"""kdbench plan"""

import json
from pathlib import Path
from typing import Any

import click

from kdbench.cli import options


@click.command(
    name="plan",
    epilog=options.examples(
        "kdbench plan quickstart",
        "kdbench plan ensemble --graph            # what each student needs",
        "kdbench plan fashion --losses kd --json  # a trial a line",
    ),
)
@options.suite_argument
@options.results_option
@options.plugin_option
@options.part_options
@click.option("--json", "as_json", is_flag=True, help="Every trial in full, as JSON lines.")
@click.option("--graph", is_flag=True, help="What each row's student needs, for one seed.")
def command(
    suite: str,
    results: Path,
    plugins: tuple[str, ...],
    part: dict[str, Any],
    as_json: bool,
    graph: bool,
) -> None:
    """Show the trials that a suite asks for, wave by wave, and which are done. Trains nothing.

    With --graph, row by row: what is trained before each student, and what it learns from.
    """
    from kdbench import api
    from kdbench.cli.restrict import restrict
    from kdbench.report.graph import graph_text
    from kdbench.results import Store
    from kdbench.spec.planning.effects import without_effect
    from kdbench.zoo.catalog import Catalog

    wanted = restrict(api.load_suite(suite, plugins), Catalog(plugins), **part)
    store = Store(results)
    plan = api.plan(wanted, plugins, store)
    if graph:
        click.echo(graph_text(plan))
        return
    rows = {entry.key: entry for entry in reversed(plan.entries)}
    width = max(len(entry.title) for entry in rows.values())
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
            entry = rows.get(trial.key)
            title, model = (entry.title, entry.model) if entry else ("a step before it", trial.model.label)
            before = f"  <- {', '.join(trial.parents)}" if trial.parents else ""
            click.echo(f"  {trial.key}  {state:5}  {title:{width}}  {model}  seed {trial.seed}{before}")
    for text in without_effect(plan):
        click.echo(f"note: {text}", err=as_json)
    for text in () if as_json else plan.later:
        click.echo(f"later: {text}")
    click.echo(f"{len(plan.trials)} trials, {done} done, {len(plan.trials) - done} to do", err=as_json)
