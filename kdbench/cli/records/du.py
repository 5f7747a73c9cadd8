"""kdbench du"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kdbench.cli import options
from kdbench.cli.quantities import size_text

if TYPE_CHECKING:
    from kdbench.results.usage import Holding


@click.command(name="du", epilog=options.examples("kdbench du", "kdbench du --results shared/results --json"))
@options.results_option
@options.json_option
def command(results: Path, as_json: bool) -> None:
    """Show how much the store holds: by kind of record and by suite, and what no run refers to.

    Suites share trials: what several refer to is counted for each of them.
    """
    from kdbench.results import Store
    from kdbench.results.usage import CACHE, DRAFTS, RECORDS, usage_of

    usage = usage_of(Store(results))
    kinds = {kind: tuple(each for each in usage.holdings if each.kind == kind) for kind in (*RECORDS, CACHE, DRAFTS)}
    suites = {run.name: usage.of_runs([run]) for run in usage.latest}
    lines = [("kind", kind, held) for kind, held in kinds.items() if held]
    lines += [("suite", name, held) for name, held in sorted(suites.items())]
    lines.append(("unused", "no run refers to", usage.unused(usage.runs, days=0)))
    lines.append(("total", "all of it", usage.holdings))
    if as_json:
        found = [{"of": of, "name": name, "records": len(held), "bytes": size(held)} for of, name, held in lines]
        click.echo(json.dumps(found, indent=1))
        return
    width = max(len(name) for _, name, _ in lines)
    for of, name, held in lines:
        click.echo(f"{of:6}  {name:{width}}  {_count(held):>16}  {size_text(size(held)):>9}")


def _count(held: Sequence["Holding"]) -> str:
    return f"{len(held):,} record{'s' * (len(held) != 1)}"


def size(held: Iterable["Holding"]) -> int:
    """Bytes of all of them."""
    return sum(each.bytes for each in held)
