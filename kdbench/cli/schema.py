"""kdbench schema"""

import json

import click

from kdbench.cli import options


@click.command(name="schema", epilog=options.examples("kdbench schema > suite.schema.json"))
def command() -> None:
    """Print the JSON schema of suite files, by which editors check and complete them: docs/suite.md says how."""
    from kdbench.spec import Suite

    schema = Suite.model_json_schema()
    click.echo(json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=2))
