"""kdbench status"""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kdbench.cli import options

if TYPE_CHECKING:
    from kdbench.results import Outcome, Store
    from kdbench.spec import Plan


@click.command(name="status", epilog=options.examples("kdbench status fashion", "kdbench status fashion --seeds 2"))
@options.suite_argument
@options.results_option
@options.plugin_option
@options.part_options
@options.json_option
def command(suite: str, results: Path, plugins: tuple[str, ...], part: dict[str, Any], as_json: bool) -> None:
    """Say how far a suite is: trials done, failed and skipped, with reasons, and the time that is left.

    It may run meanwhile, or have been interrupted. Trains nothing.
    """
    from kdbench import api
    from kdbench.cli.restrict import restrict
    from kdbench.cli.telling.progress import duration
    from kdbench.results import Store
    from kdbench.results.finished import ended
    from kdbench.zoo.catalog import Catalog

    store = Store(results)
    plan = api.plan(restrict(api.load_suite(suite, plugins), Catalog(plugins), **part), plugins, store)
    outcomes = ended(plan.trials, store)
    left = _seconds_left(plan, outcomes, store)
    if as_json:
        click.echo(json.dumps(_facts(plan, outcomes, left), indent=1))
        return
    counts = Counter(outcome.status for outcome in outcomes.values())
    told = [f"{counts['done']} of {len(plan.trials)} trials done"]
    told += [f"{counts[status]} {status}" for status in ("failed", "skipped") if counts[status]]
    if todo := len(plan.trials) - len(outcomes):
        told.append(f"{todo} to do, " + (f"about {duration(left)} left" if left else "time left not known yet"))
    click.echo(f"{plan.suite.name}: {', '.join(told)}")
    for text in plan.later:
        click.echo(f"later: {text}")
    for each in _troubles(plan, outcomes):
        click.echo(f"{each['status']}: {each['title']}: {each['reason']}\n  more: kdbench logs {each['key']}")


def _seconds_left(plan: "Plan", outcomes: Mapping[str, "Outcome"], store: "Store") -> float | None:
    from kdbench.execute.events import Planned
    from kdbench.execute.forecast import Forecast
    from kdbench.results.machine.facts import usable_cores

    forecast = Forecast(store, processes=usable_cores())
    forecast.hear(Planned(plan, frozenset(plan.trials.keys() - outcomes.keys())))
    return forecast.seconds_left()


def _troubles(plan: "Plan", outcomes: Mapping[str, "Outcome"]) -> list[dict[str, str | None]]:
    titles = {entry.key: f"{entry.title} · {entry.model} · seed {entry.seed}" for entry in reversed(plan.entries)}
    return [
        {"key": key, "title": titles.get(key, "a step"), "status": outcome.status, "reason": outcome.reason}
        for key, outcome in outcomes.items()
        if outcome.status != "done"
    ]


def _facts(plan: "Plan", outcomes: Mapping[str, "Outcome"], left: float | None) -> dict[str, object]:
    counts = Counter(outcome.status for outcome in outcomes.values())
    return {
        "suite": plan.suite.name,
        "trials": len(plan.trials),
        **{status: counts[status] for status in ("done", "failed", "skipped")},
        "to_do": len(plan.trials) - len(outcomes),
        "seconds_left": left,
        "later": list(plan.later),
        "not_done": _troubles(plan, outcomes),
    }
