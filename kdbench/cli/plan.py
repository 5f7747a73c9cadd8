"""kdbench plan"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kdbench.cli import complete, options

if TYPE_CHECKING:
    from kdbench.results import Store
    from kdbench.spec import Plan


@click.command(
    name="plan",
    epilog=options.examples(
        "kdbench plan quickstart",
        "kdbench plan ensemble --graph            # what each student needs",
        "kdbench plan fashion --losses kd --json  # a trial a line",
    ),
)
@click.argument("suites", metavar="SUITE...", nargs=-1, required=True, shell_complete=complete.suites)
@options.results_option
@options.plugin_option
@options.part_options
@click.option("--json", "as_json", is_flag=True, help="Every trial in full, as JSON lines.")
@click.option("--graph", is_flag=True, help="What each row's student needs, for one seed.")
def command(
    suites: tuple[str, ...],
    results: Path,
    plugins: tuple[str, ...],
    part: dict[str, Any],
    as_json: bool,
    graph: bool,
) -> None:
    """Show the trials that suites ask for, wave by wave, and which are done. Trains nothing.

    With --graph, row by row: what is trained before each student, and what it learns from.
    """
    from kdbench import api
    from kdbench.cli.restrict import restrict
    from kdbench.report.graph import graph_text
    from kdbench.results import Store
    from kdbench.zoo.catalog import Catalog

    store = Store(results)
    wanted = [restrict(api.load_suite(suite, plugins), Catalog(plugins), **part) for suite in suites]
    plans = [api.plan(suite, plugins, store) for suite in wanted]
    for plan in plans:
        if len(plans) > 1:
            click.echo(f"{plan.suite.name}:", err=as_json)
        if graph:
            click.echo(graph_text(plan))
        else:
            _tell(plan, store, as_json)


def _tell(plan: "Plan", store: "Store", as_json: bool) -> None:
    """A line for each trial; as JSON the rest is on stderr."""
    from kdbench.spec.planning.effects import without_effect

    rows = {entry.key: entry for entry in reversed(plan.entries)}
    width = max(len(entry.title) for entry in rows.values())
    done = sum(store.is_trained(key) for key in plan.trials)
    for number, wave in enumerate(plan.waves):
        if not as_json:
            click.echo(f"wave {number}: {len(wave)} trial{'s' * (len(wave) > 1)}")
        for trial in wave:
            state = "done" if store.is_trained(trial.key) else "to do"
            if as_json:
                content = {"suite": plan.suite.name, "key": trial.key, "wave": number, "state": state}
                content["trial"] = trial.model_dump(mode="json")
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
