"""kdbench doctor"""

import json
from dataclasses import asdict
from pathlib import Path

import click

from kdbench.cli import options


@click.command(name="doctor", epilog=options.examples("kdbench doctor", "kdbench doctor --json"))
@options.results_option
@options.json_option
def command(results: Path, as_json: bool) -> int:
    """Examine what this machine can do, and print how to fix what it cannot. Exit code 1 where something is broken."""
    from kdbench.execute.doctor.examine import examine

    broken, told = 0, []
    for finding in examine(results):
        told.append(asdict(finding))
        broken += finding.status == "problem"
        if as_json:
            continue
        click.echo(f"{finding.status:8} {finding.name}: {finding.detail}")
        if finding.fix:
            click.echo(f"{'':8} fix: {finding.fix}")
    if as_json:
        click.echo(json.dumps(told, indent=1))
        return 1 if broken else 0
    click.echo(f"{broken} problem{'s' * (broken != 1)}")
    return 1 if broken else 0
