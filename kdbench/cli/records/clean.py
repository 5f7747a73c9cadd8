"""kdbench clean"""

import json
from pathlib import Path

import click

from kdbench.cli import complete, options
from kdbench.cli.quantities import size_text
from kdbench.cli.records.du import size


@click.command(
    name="clean",
    epilog=options.examples(
        "kdbench clean                      # what would be removed",
        "kdbench clean --yes                # remove it",
        "kdbench clean --latest --caches    # also what earlier runs alone refer to, and teacher outputs",
        "kdbench clean my.toml --yes        # keep what an unfinished run of my.toml has trained",
    ),
)
@click.argument("suites", metavar="[SUITE]...", nargs=-1, shell_complete=complete.suites)
@click.option("--latest", is_flag=True, help="Keep the latest run of each suite and part alone; forget earlier runs.")
@click.option("--caches", is_flag=True, help="Remove teacher outputs, too: they are computed again.")
@click.option(
    "--older",
    type=click.FloatRange(min=0),
    default=1.0,
    show_default=True,
    metavar="DAYS",
    help="Only what was written before.",
)
@click.option("--yes", is_flag=True, help="Remove it; without, nothing is removed.")
@options.results_option
@options.plugin_option
@options.json_option
def command(
    suites: tuple[str, ...],
    latest: bool,
    caches: bool,
    older: float,
    yes: bool,
    results: Path,
    plugins: tuple[str, ...],
    as_json: bool,
) -> None:
    """Remove records that no run refers to, and drafts of runs that were killed. Without --yes it only tells which.

    A run that was interrupted has no record yet: name its SUITE, and the trials that it asks for are kept.
    """
    from kdbench import api
    from kdbench.results import Store
    from kdbench.results.usage import CACHE, remove, usage_of

    store = Store(results)
    usage = usage_of(store)
    kept = usage.latest if latest else usage.runs
    plans = [api.plan(api.load_suite(suite, plugins), plugins, store) for suite in suites]
    planned = {key for plan in plans for key in plan.trials}
    found = list(usage.unused(kept, planned, older))
    found += [each for each in usage.holdings if each.kind == CACHE and caches]
    forgotten = [run for run in usage.runs if run not in kept]
    if yes:
        for run in forgotten:
            store.forget_run(run)
        remove(found)
    if as_json:
        keys = ("kind", "key", "bytes")
        records = [dict(zip(keys, (each.kind, each.key, each.bytes), strict=True)) for each in found]
        runs = [{"kind": "run", "key": run.run_id, "suite": run.name} for run in forgotten]
        click.echo(json.dumps({"removed": yes, "bytes": size(found), "records": records, "runs": runs}, indent=1))
        return
    for run in forgotten:
        click.echo(f"run of {run.name}  {run.run_id}")
    for each in found:
        click.echo(f"{each.kind:11}  {each.key}  {size_text(each.bytes)}")
    done = "removed" if yes else "would be removed: say --yes"
    click.echo(f"{len(found)} records and {len(forgotten)} runs, {size_text(size(found))}, {done}", err=True)
