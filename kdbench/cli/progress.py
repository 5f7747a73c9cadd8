"""Progress on stderr: live on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Generator
from typing import Protocol, TypeVar

import click

from kdbench.execute.messages import Crashed, EpochFinished, LatencyMeasured, LatencyMissing, Message, TrialEnded
from kdbench.spec import Plan

T = TypeVar("T")


def follow(messages: Generator[Message, None, T], plan: Plan) -> T:
    """Show messages as they come; returns what the generator returns."""
    view: View = _Live(plan) if sys.stderr.isatty() else _Lines(plan)
    try:
        while True:
            try:
                view.show(next(messages))
            except StopIteration as end:
                result: T = end.value
                return result
    finally:
        messages.close()  # stops the workers, whatever ended this
        view.close()


class View(Protocol):
    """Somewhere to show messages."""

    def show(self, message: Message) -> None: ...

    def close(self) -> None: ...


class _State:
    """What has happened so far."""

    def __init__(self, plan: Plan) -> None:
        self.names: dict[str, str] = {}
        for entry in plan.entries:
            what = "teacher" if entry.role == "teacher" else entry.loss
            self.names.setdefault(entry.key, f"{what} · {entry.model} · seed {entry.seed}")
        self.epochs = {key: trial.train.epochs for key, trial in plan.trials.items()}
        self.total = len(plan.trials)
        self.ended = 0
        self.seen: dict[str, int] = {}  # epochs finished, of trials that this run works on
        self.told: set[tuple[str, str]] = set()  # reasons for missing latencies: once is enough
        self.began = time.monotonic()

    def update(self, message: Message) -> None:
        match message:
            case EpochFinished(key=key, epoch=epoch):
                self.seen[key] = epoch
            case TrialEnded(key=key):
                self.seen[key] = self.epochs[key]
                self.ended += 1

    def line(self, message: Message) -> str | None:
        """One line for what is worth one."""
        match message:
            case TrialEnded(key=key, status="done", top1=top1) if top1 is not None:
                return f"{self._count()} {self.names[key]}: test top-1 {100 * top1:.2f} %"
            case TrialEnded(key=key, status=status, reason=reason):
                return f"{self._count()} {self.names[key]}: {status}: {reason}"
            case LatencyMeasured(label=label, p50_microseconds=p50, provider=provider, threads=threads, batch=batch):
                how = f"{provider}, {threads} thread{'s' * (threads > 1)}, batch {batch}"
                return f"latency · {label} · {how}: p50 {p50:.0f} us"
            case LatencyMissing(what=what) if (what.provider, what.reason) not in self.told:
                self.told.add((what.provider, what.reason))
                return f"latency · {what.provider}: not measured: {what.reason}"
            case Crashed(reason=reason):
                return f"failed: {reason}"
        return None

    def _count(self) -> str:
        width = len(str(self.total))
        return f"[{self.ended:>{width}}/{self.total}]"


class _Lines:
    def __init__(self, plan: Plan) -> None:
        self.state = _State(plan)

    def show(self, message: Message) -> None:
        self.state.update(message)
        if line := self.state.line(message):
            click.echo(f"{time.monotonic() - self.state.began:6.1f} s  {line}", err=True)

    def close(self) -> None:
        pass


class _Live:
    """A bar over all epochs with the time left, and what runs now."""

    def __init__(self, plan: Plan) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        self.state = _State(plan)
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
        self.running: dict[str, float] = {}

    def show(self, message: Message) -> None:
        self.state.update(message)
        if isinstance(message, EpochFinished):
            self.running[message.key] = message.top1
        if isinstance(message, TrialEnded):
            self.running.pop(message.key, None)
        if line := self.state.line(message):
            self.progress.console.print(line, markup=False, highlight=False)
        state = self.state
        todo = sum(state.epochs.values())
        done = sum(state.seen.values())
        now = ""
        if self.running:
            key, top1 = list(self.running.items())[-1]
            now = f"{len(self.running)} running: {state.names[key]}, epoch {state.seen[key]}, {100 * top1:.1f} %"
        trials = f"{state.ended}/{state.total} trials"
        self.progress.update(self.task, total=todo, completed=done, trials=trials, now=now)

    def close(self) -> None:
        self.progress.stop()
