"""kdbench doctor"""

from pathlib import Path

import click

from kdbench.cli import options


@click.command(name="doctor")
@options.results_option
def command(results: Path) -> int:
    """Examine what this machine can do, and print how to fix what it cannot. Exit code 1 where something is broken."""
    from kdbench.execute.doctor.examine import examine

    broken = 0
    for finding in examine(results):
        click.echo(f"{finding.status:8} {finding.name}: {finding.detail}")
        if finding.fix:
            click.echo(f"{'':8} fix: {finding.fix}")
        broken += finding.status == "problem"
    click.echo(f"{broken} problem{'s' * (broken != 1)}")
    return 1 if broken else 0
