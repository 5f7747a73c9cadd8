"""Options that several commands share."""

from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from kdbench.cli import complete
from kdbench.cli.quantities import parse_size

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout instead of text.")


def examples(*lines: str) -> str:
    """The end of a command's help: a line each, left as they are."""
    return "\n".join(("\b", "Examples:", *(f"  {line}" for line in lines)))


suite_argument = click.argument("suite", metavar="SUITE", shell_complete=complete.suites)
stored_suite_argument = click.argument("suite", metavar="SUITE", shell_complete=complete.stored_suites)


def _folder(option: str, default: Path | None, help: str) -> Callable[[F], F]:
    kind = click.Path(path_type=Path, file_okay=False)
    return click.option(option, type=kind, default=default, show_default=default is not None, help=help)


results_option = _folder("--results", Path("results"), "Folder of the records.")
reports_option = _folder("--reports", Path("reports"), "Folder of the reports.")
open_option = click.option("--open", "show", is_flag=True, help="Open the report in the browser.")
run_option = click.option("--run", metavar="ID", help="One of `kdbench runs SUITE` instead of the latest.")
data_option = _folder("--data", None, "Folder of downloaded datasets. [default: the user's cache]")
plugin_option = click.option(
    "-p", "plugins", multiple=True, metavar="MODULE", help="Import a module whose `module:attribute` a suite may use."
)


_PLACE = (
    data_option,
    plugin_option,
    click.option("--workers", type=click.IntRange(min=1), help="Processes. [default: one per core]"),
    click.option("--threads", type=click.IntRange(min=1), help="Threads of each. [default: by a measured probe]"),
    click.option(
        "--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True, help="Where to train."
    ),
    click.option(
        "--cache",
        type=click.Choice(["use", "require", "off"]),
        default="use",
        show_default=True,
        help="Teacher outputs kept in --results. Without room: run teachers on every batch (use), or stop (require).",
    ),
    click.option(
        "--cache-limit",
        type=parse_size,
        metavar="SIZE",
        default="8GB",
        show_default=True,
        help="Most that they may take.",
    ),
)


_PART = (
    click.option("--seeds", type=click.IntRange(min=1), help="Only the first N seeds of the suite."),
    click.option("--epochs", type=click.IntRange(min=1), help="Train for N epochs instead of the suite's."),
    click.option(
        "--pairs",
        multiple=True,
        metavar="PAIRS",
        shell_complete=complete.pairs,
        help="Only these pairs, with commas between: NAME or TEACHER:STUDENT.",
    ),
    click.option(
        "--losses",
        multiple=True,
        metavar="LOSSES",
        shell_complete=complete.losses,
        help="Only these losses, with commas between; of a swept one all settings, or one as 'kd(temperature=8.0)'.",
    ),
    click.option(
        "--teaching",
        multiple=True,
        metavar="WAYS",
        shell_complete=complete.ways,
        help="Only these ways of teaching, likewise.",
    ),
)


def part_options(command: Callable[..., T]) -> Callable[..., T]:
    """The options that take a part of a suite; the command gets them as `part`, for `restrict`."""

    @wraps(command)
    def gathered(
        seeds: int | None,
        epochs: int | None,
        pairs: tuple[str, ...],
        losses: tuple[str, ...],
        teaching: tuple[str, ...],
        **others: Any,
    ) -> T:
        part = {"seeds": seeds, "epochs": epochs, "pairs": pairs, "losses": losses, "teaching": teaching}
        return command(part=part, **others)

    return _with(_PART, gathered)


_TELLING = (
    click.option("-q", "--quiet", is_flag=True, help="Tell nothing of the progress."),
    click.option("-v", "--verbose", is_flag=True, help="Tell of every epoch, and show tracebacks of what failed."),
    click.option("--log", type=click.Path(path_type=Path, dir_okay=False), help="Add every line to a file as well."),
)


def telling_options(command: Callable[..., T]) -> Callable[..., T]:
    """The options that say how much is told; the command gets them as `telling`, for `follow`."""

    @wraps(command)
    def gathered(quiet: bool, verbose: bool, log: Path | None, **others: Any) -> T:
        from kdbench.cli.telling.progress import Telling

        return command(telling=Telling(quiet, verbose, log), **others)

    return _with(_TELLING, gathered)


def place_options(command: Callable[..., int]) -> Callable[..., int]:
    """The options that say where and how a suite runs; the command gets them as `how`, for `api.place`."""

    @wraps(command)
    def gathered(
        data: Path | None,
        plugins: tuple[str, ...],
        workers: int | None,
        threads: int | None,
        device: str,
        cache: str,
        cache_limit: int,
        **others: Any,
    ) -> int:
        how: dict[str, Any] = {"plugins": plugins, "workers": workers, "threads": threads, "device": device}
        how |= {"cache": cache, "cache_limit": cache_limit} | ({"data": data} if data else {})
        return command(how=how, **others)

    return _with(_PLACE, gathered)


def _with(options: Sequence[Callable[[F], F]], command: F) -> F:
    for option in reversed(options):
        command = option(command)
    return command
