"""The command line: argv, progress, printing and exit codes; nowhere else.

A command is a module, imported when it is called: of this folder, or of `records` where it reads what is stored.
"""

import os
import sys
from contextlib import suppress
from importlib import import_module
from itertools import chain
from pathlib import Path

import click

from kdbench import __version__

TRAIN = ("run", "plan", "check", "measure", "selftest", "doctor")
RECORDS = (
    "report", "recommend", "runs", "status", "compare", "power", "export", "baseline", "history", "logs", "du", "clean",
)  # fmt: skip
WRITE = ("list", "show", "new", "schema")
SECTIONS = {"Train and measure": TRAIN, "Read results": RECORDS, "Write suites and losses": WRITE}
COMMANDS = tuple(chain(*SECTIONS.values()))
DEBUG = click.Option(["--debug"], is_flag=True, expose_value=False, help="Show tracebacks.")


class Commands(click.Group):
    """A command is the function `command` of the module of its name."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        folder = "kdbench.cli.records" if cmd_name in RECORDS else "kdbench.cli"
        command = import_module(f"{folder}.{cmd_name}").command
        assert isinstance(command, click.Command)
        if DEBUG not in command.params:  # a process may ask for a command twice
            command.params.append(DEBUG)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """By what one does with them."""
        for title, names in SECTIONS.items():
            found = [(name, command) for name in names if (command := self.get_command(ctx, name))]
            with formatter.section(title):
                formatter.write_dl([(name, command.get_short_help_str(limit=90)) for name, command in found])


@click.command(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Start with `kdbench run quickstart`. Results go to ./results, reports to ./reports.",
)
@click.version_option(__version__, prog_name="kdbench")
@click.option("--debug", is_flag=True, expose_value=False, help="Show tracebacks.")
def cli() -> None:
    """Train students by knowledge distillation under every loss, and measure which one to ship."""


def _keep_fonts() -> None:
    """matplotlib would keep its list of fonts in folders of its own, and read there how to draw."""
    with suppress(RuntimeError):  # there is no home
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        os.environ.setdefault("MPLCONFIGDIR", str(cache / "kdbench" / "matplotlib"))


def main() -> None:
    """Run a command and exit with its code. No traceback reaches a user but under --debug."""
    from kdbench.cli.failure import run_guarded
    from kdbench.cli.telling.terminal import print_plainly

    _keep_fonts()
    print_plainly()
    sys.exit(run_guarded(cli, sys.argv[1:]))
