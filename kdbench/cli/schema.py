"""kdbench schema"""

import json

import click

from kdbench.cli import options


@click.command(name="schema", epilog=options.examples("kdbench schema > suite.schema.json"))
def command() -> None:
    """Print the JSON schema of suite files, by which editors check and complete them: docs/suite.md says how."""
    from kdbench.spec.reading.reference import suite_schema

    click.echo(json.dumps(suite_schema(), indent=2))
