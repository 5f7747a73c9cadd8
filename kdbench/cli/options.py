"""Options that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

suite_argument = click.argument("suite", metavar="SUITE")


def _folder(option: str, default: Path | None, help: str) -> Callable[[F], F]:
    kind = click.Path(path_type=Path, file_okay=False)
    return click.option(option, type=kind, default=default, show_default=default is not None, help=help)


results_option = _folder("--results", Path("results"), "Folder of the records.")
reports_option = _folder("--reports", Path("reports"), "Folder of the reports.")
data_option = _folder("--data", None, "Folder of downloaded datasets. [default: the user's cache]")
plugin_option = click.option(
    "-p", "plugins", multiple=True, metavar="MODULE", help="Import a module whose `module:attribute` a suite may use."
)
workers_option = click.option("--workers", type=click.IntRange(min=1), help="Processes. [default: one per core]")
device_option = click.option(
    "--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True, help="Where to train."
)
