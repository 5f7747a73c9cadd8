"""Progress on stderr: live on a terminal, plain lines elsewhere; and in a log file, where one is asked for."""

import shlex
import sys
import time
from collections.abc import Generator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

import click

from kdbench.cli.telling.lines import Lines
from kdbench.cli.telling.terminal import plain
from kdbench.execute.events import RunEvent, TrialEnded
from kdbench.execute.forecast import Forecast
from kdbench.execute.workers.messages import EpochFinished
from kdbench.results import Store
from kdbench.results.machine.facts import usable_cores
from kdbench.spec import UserError
from kdbench.spec.generators import drain

if TYPE_CHECKING:
    from rich.console import RenderableType

T = TypeVar("T")
HEARTBEAT = 60.0  # seconds without a line, after which a plain one says that the run goes on


@dataclass(frozen=True)
class Telling:
    """How much is told of a run, and whether to a file as well."""

    quiet: bool = False
    verbose: bool = False
    log: Path | None = None


def invocation() -> str:
    """The command line that this process was started with, quoted for a shell."""
    return shlex.join(["kdbench", *sys.argv[1:]])


def follow(
    events: Generator[RunEvent, None, T],
    *,
    live: bool = False,
    telling: Telling = Telling(),
    store: Store | None = None,
) -> T:
    """Show events as they come; returns what the generator returns.

    `live`: on a terminal as a bar over everything with the time left, which the records of the `store` help to tell.
    """
    forecast = Forecast(store, usable_cores())
    with ExitStack() as stack:
        stack.callback(events.close)  # stops the workers, whatever ended this
        views: list[View] = []
        if telling.log:
            views.append(stack.enter_context(_Log(telling.log)))
        if not telling.quiet:
            lines = Lines(telling.verbose or "--debug" in sys.argv)
            view: View = _Live(lines) if live and sys.stderr.isatty() else _Plain(lines)
            views.append(stack.enter_context(view))

        def show(event: RunEvent) -> None:
            forecast.hear(event)
            standing = _Standing.of(forecast)
            for view in views:
                view.show(event, standing)

        return drain(events, show)


def duration(seconds: float) -> str:
    """`40 s`, `12 min`, `2 h 10 min`"""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


@dataclass(frozen=True)
class _Standing:
    """What a run is at, as it was at one moment: views draw it between events, in threads of their own."""

    at: str = "plan"  # `train, 12 of 45 trials`
    left: float | None = None  # seconds
    told: float = field(default_factory=time.monotonic)

    @classmethod
    def of(cls, forecast: Forecast) -> Self:
        trials = f", {forecast.ended} of {len(forecast.trials)} trials" if forecast.trials else ""
        return cls(f"{forecast.at}{trials}", forecast.seconds_left()) if forecast.at else cls()

    @property
    def still(self) -> float | None:
        """The seconds that are left by now."""
        return None if self.left is None else max(0.0, self.left - (time.monotonic() - self.told))

    @property
    def remaining(self) -> str:
        return "time left not known yet" if self.still is None else f"about {duration(self.still)} left"


class View(Protocol):
    """Somewhere to show events."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def show(self, event: RunEvent, standing: _Standing) -> None: ...


class _Log:
    """Everything, as lines with their time at the end of a file."""

    def __init__(self, path: Path) -> None:
        self._lines = Lines(verbose=True)
        try:
            self._file = path.open("a", encoding="utf-8")
        except OSError as error:
            raise UserError(f"cannot write the log '{path}': {error.strerror}", help="name another --log") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def show(self, event: RunEvent, _: _Standing) -> None:
        if line := self._lines.of(event):
            self._file.write(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}  {line}\n")
            self._file.flush()


class _Plain:
    """Lines; and after a minute without one, that the run goes on."""

    def __init__(self, lines: Lines) -> None:
        self._lines, self._standing = lines, _Standing()
        self._began = self._told = time.monotonic()
        self._over = Event()
        self._heart = Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Self:
        self._heart.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()

    def show(self, event: RunEvent, standing: _Standing) -> None:
        self._standing = standing
        if line := self._lines.of(event):
            self._tell(line)

    def _tell(self, line: str) -> None:
        self._told = time.monotonic()
        click.echo(f"{self._told - self._began:6.1f} s  {line}", err=True)

    def _beat(self) -> None:
        while not self._over.wait(max(0.0, self._told + HEARTBEAT - time.monotonic())):
            if time.monotonic() >= self._told + HEARTBEAT:
                self._tell(f"{self._standing.at}, {self._standing.remaining}")


class _Live:
    """A bar over the whole run with the time left, and what runs now; lines above it."""

    def __init__(self, lines: Lines) -> None:
        from rich.console import Console
        from rich.live import Live

        self._lines, self._standing, self._now = lines, _Standing(), ""
        self._began = time.monotonic()
        self._running: dict[str, EpochFinished] = {}
        self._console = Console(file=sys.__stderr__)  # what rich writes of its own moves the cursor
        self._live = Live(get_renderable=self._draw, console=self._console, refresh_per_second=2)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, event: RunEvent, standing: _Standing) -> None:
        self._standing = standing
        if isinstance(event, EpochFinished):
            self._running[event.key] = event
        if isinstance(event, TrialEnded):
            self._running.pop(event.key, None)
        line = self._lines.of(event)
        last = list(self._running.values())[-1:]
        self._now = "".join(f"{len(self._running)} running: {self._lines.epoch(each)}" for each in last)
        if line:
            self._console.print(plain(line), markup=False, highlight=False)

    def _draw(self) -> "RenderableType":
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        standing, passed = self._standing, time.monotonic() - self._began
        left = standing.still
        bar = ProgressBar(total=passed + left, completed=passed) if left is not None else ProgressBar(pulse=True)
        row = Table.grid(expand=True, padding=(0, 1))
        for ratio in (None, 1, None):
            row.add_column(ratio=ratio, no_wrap=True)
        row.add_row(standing.at, bar, f"{duration(passed)}, {standing.remaining}")
        return Group(row, Text(plain(self._now), no_wrap=True, overflow="ellipsis"))
