"""Progress on stderr: live on a terminal, plain lines elsewhere."""

import shlex
import sys
import time
from collections.abc import Generator
from typing import Protocol, TypeVar

import click

from kdbench.execute.events import (
    Evaluated,
    FileEvaluated,
    LaidOut,
    LatencyMeasured,
    LatencyMissing,
    NotExported,
    Planned,
    RunEvent,
    ThroughputMeasured,
    TrialEnded,
)
from kdbench.execute.workers.messages import EpochFinished, Noted
from kdbench.spec.generators import drain

T = TypeVar("T")


def invocation() -> str:
    """The command line that this process was started with, quoted for a shell."""
    return shlex.join(["kdbench", *sys.argv[1:]])


def follow(events: Generator[RunEvent, None, T], *, live: bool = False) -> T:
    """Show events as they come; returns what the generator returns. `live`: on a terminal as a bar over all epochs."""
    state = _State()
    view: View = _Live(state) if live and sys.stderr.isatty() else _Lines(state)

    def show(event: RunEvent) -> None:
        view.show(event)
        if "--debug" in sys.argv and isinstance(event, TrialEnded | Noted) and event.traceback:
            click.echo(event.traceback, err=True)

    try:
        return drain(events, show)
    finally:
        events.close()  # stops the workers, whatever ended this
        view.close()


def _duration(microseconds: float) -> str:
    return f"{microseconds:.4g} us" if microseconds < 1e4 else f"{microseconds / 1e3:.4g} ms"


class View(Protocol):
    """Somewhere to show events."""

    def show(self, event: RunEvent) -> None: ...

    def close(self) -> None: ...


class _State:
    """What has happened so far, of the trials that were not done before."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.epochs: dict[str, range] = {}  # of the trials that are trained in this run, as far as they are known
        self.ended = 0
        self.evaluated: dict[str, int] = {}
        self.seen: dict[str, int] = {}  # epochs finished
        self.told: set[tuple[str, str]] = set()  # reasons for missing latencies: once is enough
        self.noted: set[str] = set()
        self.began = time.monotonic()

    def update(self, event: RunEvent) -> None:
        match event:
            case Planned(plan=plan, lacking=lacking):
                for entry in plan.entries:
                    self.names.setdefault(entry.key, f"{entry.title} · {entry.model} · seed {entry.seed}")
                for key in lacking:
                    self.epochs[key] = plan.trials[key].epochs
                    self.names.setdefault(key, f"step · {plan.trials[key].model.label} · seed {plan.trials[key].seed}")
            case EpochFinished(key=key, epoch=epoch):
                self.seen[key] = epoch + 1 - self.epochs[key].start
            case TrialEnded(key=key):
                self.seen[key] = len(self.epochs[key])
                self.ended += 1
            case Evaluated(what=what, models=models):
                self.evaluated[what] = self.evaluated.get(what, 0) + models

    def line(self, event: RunEvent) -> str | None:
        """One line for what is worth one."""
        match event:
            case TrialEnded(key=key, status="done", top1=top1) if top1 is not None:
                return f"{self._count()} {self.names[key]}: validation top-1 {100 * top1:.2f} %"
            case TrialEnded(key=key, status=status, reason=reason):
                return f"{self._count()} {self.names[key]}: {status}: {reason}"
            case NotExported(key=key, reason=reason):
                return f"{self.names[key]}: failed: {reason}"
            case LatencyMeasured(label=label, p50_microseconds=p50, how=way, slice_pairs=pairs):
                return f"latency · {label} · {way.label}: p50 {_duration(p50)} ({pairs} slice pairs)"
            case LatencyMissing(what=what) if (what.how.provider, what.reason) not in self.told:
                self.told.add((what.how.provider, what.reason))
                return f"latency · {what.how.provider}: not measured: {what.reason}"
            case ThroughputMeasured(label=label, how=way, largest=largest, ended=ended):
                return f"throughput · {label} · {way.label} to {largest}: {ended}"
            case FileEvaluated(name=name, test=test):
                return f"accuracy · {name}: test top-1 {100 * test.top1:.2f} %"
            case Evaluated(what=what, of=total) if self.evaluated[what] >= total:
                return f"{what}: {total} file{'s' * (total > 1)} evaluated"
            case LaidOut(layout=layout) if layout.threads > 1 or layout.epoch_seconds:
                how = f"{layout.processes} process{'es' * (layout.processes > 1)} x {layout.threads}"
                probed = f", about {layout.seconds:.0f} s" if layout.seconds else ""
                return f"training in {how} thread{'s' * (layout.threads > 1)}{probed}"
            case Noted(text=text) if text not in self.noted:
                self.noted.add(text)
                return f"note: {text}"
        return None

    def _count(self) -> str:
        total = len(self.epochs)
        return f"[{self.ended:>{len(str(total))}}/{total}]"


class _Lines:
    def __init__(self, state: _State) -> None:
        self.state = state

    def show(self, event: RunEvent) -> None:
        self.state.update(event)
        if line := self.state.line(event):
            click.echo(f"{time.monotonic() - self.state.began:6.1f} s  {line}", err=True)

    def close(self) -> None:
        pass


class _Live:
    """A bar over all epochs with the time left, and what runs now."""

    def __init__(self, state: _State) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        self.state = state
        self.progress = Progress(
            TextColumn("{task.fields[trials]}"),
            BarColumn(bar_width=None),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[now]}", markup=False),
            console=Console(stderr=True),
        )
        self.task = self.progress.add_task("", total=None, trials="checking", now="")
        self.progress.start()
        self.running: dict[str, EpochFinished] = {}

    def show(self, event: RunEvent) -> None:
        self.state.update(event)
        if isinstance(event, EpochFinished):
            self.running[event.key] = event
        if isinstance(event, TrialEnded):
            self.running.pop(event.key, None)
        if line := self.state.line(event):
            self.progress.console.print(line, markup=False, highlight=False)
        state = self.state
        todo = sum(map(len, state.epochs.values()))
        done = sum(state.seen.values())
        now = ""
        if self.running:
            last = list(self.running.values())[-1]
            loss = "" if last.train_loss is None else f", loss {last.train_loss:.3f}"
            how = f"epoch {last.epoch}{loss}, {100 * last.top1:.1f} %"
            now = f"{len(self.running)} running: {state.names[last.key]}, {how}"
        trials = f"{state.ended}/{len(state.epochs)} trials"
        self.progress.update(self.task, total=todo, completed=done, trials=trials, now=now)

    def close(self) -> None:
        self.progress.stop()
