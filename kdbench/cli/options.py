"""Options that several commands share."""

from pathlib import Path

import click

suite_argument = click.argument("suite", metavar="SUITE")
results_option = click.option(
    "--results",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("results"),
    show_default=True,
    help="Folder of the records.",
)
reports_option = click.option(
    "--reports",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("reports"),
    show_default=True,
    help="Folder of the reports.",
)
data_option = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="Folder of downloaded datasets. [default: the user's cache]",
)
plugin_option = click.option(
    "-p", "plugins", multiple=True, metavar="MODULE", help="Import a module whose `module:attribute` a suite may use."
)
workers_option = click.option("--workers", type=click.IntRange(min=1), help="Processes. [default: one per core]")
device_option = click.option(
    "--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True, help="Where to train."
)
