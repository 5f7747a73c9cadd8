"""What is told of a run: a line for each event that is worth one."""

from kdbench.execute.events import (
    Evaluated,
    Exported,
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


class Lines:
    """Knows trials by their names, and tells what repeats once. `verbose`: epochs, exports and tracebacks, too."""

    def __init__(self, verbose: bool = False) -> None:
        self.verbose = verbose
        self.names: dict[str, str] = {}
        self._lacking: set[str] = set()
        self._ended = 0
        self._evaluated: dict[str, int] = {}
        self._told: set[str] = set()

    def of(self, event: RunEvent) -> str | None:
        """The line of an event; none for one that is not worth it."""
        match event:
            case Planned():
                self._name(event)
            case TrialEnded(key=key, status=status, reason=reason, top1=top1, traceback=traceback):
                self._ended += 1
                end = f": validation top-1 {100 * top1:.2f} %" if top1 is not None else f": {status}: {reason}"
                return self._count() + self.names[key] + end + self._indented(traceback)
            case NotExported(key=key, reason=reason):
                return f"{self.names[key]}: failed: {reason}"
            case Evaluated(what=what, models=models, of=total):
                self._evaluated[what] = self._evaluated.get(what, 0) + models
                done = self._evaluated[what] >= total
                return f"{what}: {total} file{'s' * (total > 1)} evaluated" if done else None
            case LaidOut(layout=layout) if layout.threads > 1 or layout.epoch_seconds:
                how = f"{layout.processes} process{'es' * (layout.processes > 1)} x {layout.threads}"
                probed = f", about {layout.seconds:.0f} s" if layout.seconds else ""
                return f"training in {how} thread{'s' * (layout.threads > 1)}{probed}"
            case Noted(text=text, traceback=traceback):
                return self._once(f"note: {text}{self._indented(traceback)}")
            case EpochFinished() if self.verbose:
                return self.epoch(event)
            case Exported(key=key, variant=variant) if self.verbose:
                return f"exported · {self.names[key]} as {variant}"
        return self._of_timing(event)

    def _of_timing(self, event: RunEvent) -> str | None:
        match event:
            case LatencyMeasured(label=label, ratio=ratio, how=way, slice_pairs=pairs):
                told = f"{ratio:.3g} x the reference" if ratio else "too few sessions for a ratio"
                return f"latency · {label} · {way.label}: {told} ({pairs} slice pairs)"
            case LatencyMissing(what=what):
                return self._once(f"latency · {what.how.provider}: not measured: {what.reason}")
            case ThroughputMeasured(label=label, how=way, largest=largest, ended=ended):
                return f"throughput · {label} · {way.label} to {largest}: {ended}"
            case FileEvaluated(name=name, test=test):
                return f"accuracy · {name}: test top-1 {100 * test.top1:.2f} %"
        return None

    def epoch(self, event: EpochFinished) -> str:
        """`kd · cnn(width=8) · seed 3: epoch 5, loss 0.412, 88.1 %`"""
        loss = "" if event.train_loss is None else f", loss {event.train_loss:.3f}"
        return f"{self.names[event.key]}: epoch {event.epoch}{loss}, {100 * event.top1:.1f} %"

    def _name(self, planned: Planned) -> None:
        for entry in planned.plan.entries:
            self.names.setdefault(entry.key, f"{entry.title} · {entry.model} · seed {entry.seed}")
        for key in planned.lacking:
            trial = planned.plan.trials[key]
            self.names.setdefault(key, f"step · {trial.model.label} · seed {trial.seed}")
        self._lacking |= planned.lacking

    def _count(self) -> str:
        total = len(self._lacking)
        return f"[{self._ended:>{len(str(total))}}/{total}] "

    def _once(self, line: str) -> str | None:
        if line in self._told:
            return None
        self._told.add(line)
        return line

    def _indented(self, traceback: str | None) -> str:
        return "".join(f"\n    {line}" for line in (traceback or "").splitlines()) if self.verbose else ""
