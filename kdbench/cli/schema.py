"""kdbench schema"""

import json

import click


@click.command(name="schema")
def command() -> None:
    """Print the JSON schema of suite files, for editors that check TOML against one."""
    from kdbench.spec import Suite

    schema = Suite.model_json_schema()
    click.echo(json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=2))
