"""The command line: argv, progress, printing and exit codes; nowhere else.

A command is a module of this folder, imported when it is called.
"""

import sys
from importlib import import_module

import click

from kdbench import __version__

COMMANDS = ("run", "plan", "report", "measure", "power", "list", "show", "new", "baseline", "check", "doctor", "schema")


class Commands(click.Group):
    """A command is the function `command` of the module of its name."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"kdbench.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        command.params.append(click.Option(["--debug"], is_flag=True, expose_value=False, help="Show tracebacks."))
        return command


@click.command(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Start with `kdbench run quickstart`. Results go to ./results, reports to ./reports.",
)
@click.version_option(__version__, prog_name="kdbench")
@click.option("--debug", is_flag=True, expose_value=False, help="Show tracebacks.")
def cli() -> None:
    """Train students by knowledge distillation under every loss, and measure which one to ship."""


def main() -> None:
    """Run a command and exit with its code. No traceback reaches a user but under --debug."""
    from kdbench.cli.failure import run_guarded

    sys.exit(run_guarded(cli, sys.argv[1:]))
