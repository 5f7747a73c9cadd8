"""kdbench list"""

import json
from pathlib import Path

import click

from kdbench.cli import options

KINDS = ("losses", "teaching", "models", "datasets", "parts", "views", "metrics", "suites")


@click.command(
    name="list", epilog=options.examples("kdbench list", "kdbench list losses", "kdbench list suites --json")
)
@click.argument("kind", type=click.Choice(KINDS), required=False)
@options.plugin_option
@options.json_option
def command(kind: str | None, plugins: tuple[str, ...], as_json: bool) -> None:
    """List losses, ways of teaching, models, datasets, parts, views, metrics and suites, one line each."""
    found = {name: _rows(name, plugins) for name in ((kind,) if kind else KINDS)}
    if as_json:
        click.echo(json.dumps({name: dict(rows) for name, rows in found.items()}, indent=1, ensure_ascii=False))
        return
    for name, rows in found.items():
        width = max((len(row[0]) for row in rows), default=0)
        if not kind:
            click.echo(f"{name}:")
        for use, summary in rows:
            click.echo(f"{'' if kind else '  '}{use:{width}}  {summary}")


def _rows(kind: str, plugins: tuple[str, ...]) -> list[tuple[str, str]]:
    from kdbench.spec import KINDS as CALLABLES
    from kdbench.spec import suites
    from kdbench.zoo.catalog import MEMBERS, Catalog
    from kdbench.zoo.source import read_signature

    if kind == "suites":
        return [(name, _description(path)) for name, path in sorted(suites().items())]
    catalog = Catalog(plugins)
    callables = next(each for each in CALLABLES if each == kind)
    return [
        (f"{use}NAME" if use in MEMBERS else use, read_signature(callables, use, target).summary)
        for use, target in catalog.targets(callables).items()
    ]


def _description(path: Path) -> str:
    import tomllib

    from kdbench.spec.reading.bounds import parse_toml

    try:
        return str(parse_toml(path.read_bytes().decode("utf-8")).get("description", ""))
    except OSError as error:
        return f"(not readable: {error.strerror})"
    except UnicodeDecodeError:
        return "(not UTF-8)"
    except tomllib.TOMLDecodeError:
        return "(not TOML)"
