"""How long a run will still take: the work that is ahead, kind by kind, times what such work was measured to take."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import fmean
from typing import get_args

from kdbench.execute.events import (
    Ahead,
    Evaluated,
    Exported,
    LaidOut,
    LatencyMeasured,
    NotExported,
    Planned,
    Rehearsed,
    RoundFinished,
    RunEvent,
    ThroughputMeasured,
    TrialEnded,
    Work,
)
from kdbench.execute.workers.messages import EpochFinished
from kdbench.results import Store
from kdbench.spec import Trial
from kdbench.statistics.ratios import LOOKS

ORDER: tuple[Work, ...] = get_args(Work)
# Seconds of a unit of work where this run has not measured any: a rehearsal, a file exported or evaluated, one under a
# condition, a round of timing, a report. Of small networks on 2 cores; a pass over the test split comes on top.
USUAL: Mapping[Work, float] = {"check": 1.0, "test": 0.3, "conditions": 0.02, "timing": 2.0, "report": 6.0}
TEST_SPLIT = 2.0  # that its pass takes, over one of the validation split, which is usually half as large
Kind = tuple[str, ...]  # of trials that cost alike: their network and losses


@dataclass
class _Amount:
    """Of one kind of work: units, and the seconds that those which are done have taken."""

    ahead: float = 0.0
    done: float = 0.0
    seconds: float = 0.0


@dataclass
class _Training:
    """A trial of this run."""

    kind: Kind
    epochs: range
    begun: bool = False
    seen: int = 0

    def reach(self, epoch: int) -> None:
        """An epoch has ended. With the first that is heard of it begins: an interrupted run may have trained some."""
        if not self.begun:
            self.begun, self.epochs = True, range(epoch + 1, self.epochs.stop)
        self.seen = max(0, epoch + 1 - self.epochs.start)

    @property
    def ahead(self) -> int:
        return len(self.epochs) - self.seen


@dataclass
class Forecast:
    """Hears what happens in a run, and says what it is at and how long it will still take.

    Epochs are weighed by what those of the same network and losses cost, as the store's records say.
    """

    store: Store | None = None
    processes: int = 1
    clock: Callable[[], float] = time.monotonic
    trials: dict[str, _Training] = field(default_factory=dict)  # that are trained in this run
    ended: int = 0
    _amounts: dict[Work, _Amount] = field(default_factory=lambda: {work: _Amount() for work in ORDER})
    _costs: dict[Kind, dict[str, float]] = field(default_factory=dict)  # seconds of an epoch, by trial
    _means: dict[Kind, float] = field(default_factory=dict)  # of those
    _passes: list[float] = field(default_factory=list)  # seconds of a network's passes over the validation split

    def __post_init__(self) -> None:
        self._heard = self.clock()

    def hear(self, event: RunEvent) -> None:
        """Take note of an event. The time since the last one belongs to what the run was at."""
        now = self.clock()
        if self.at:
            self._amounts[self.at].seconds += now - self._heard
        self._heard = now
        match event:
            case Planned():
                self._plan(event)
            case Ahead(work=work, units=units):
                for earlier in ORDER[: ORDER.index(work)]:
                    self._amounts[earlier].ahead = 0
                self._amounts[work].ahead = units
            case Rehearsed():
                self._do("check")
            case LaidOut(layout=layout):
                self.processes = layout.processes
            case EpochFinished(key=key, epoch=epoch):
                self.trials[key].reach(epoch)
            case TrialEnded(key=key, status=status):
                self._end(key, status == "done")
            case Exported() | NotExported():
                self._do("test")
            case Evaluated(what=what, models=models):
                self._do("conditions" if what.startswith("condition ") else "test", models)
            case RoundFinished(further=further):
                self._amounts["timing"].ahead += further
                self._do("timing")
            case LatencyMeasured(tie=True):
                self._do("timing", LOOKS[0])
            case ThroughputMeasured(largest=largest):
                self._do("timing", largest.bit_length())

    @property
    def at(self) -> Work | None:
        """The first that has work ahead."""
        return next((work for work in ORDER if self._ahead(work)), None)

    def seconds_left(self) -> float | None:
        """Of all work together; none where nothing is known of what training costs."""
        found = 0.0
        for work, amount in self._amounts.items():
            if ahead := self._ahead(work):
                pace = self._pace(work, amount)
                if pace is None:
                    return None
                found += ahead * pace
        return found

    def _pace(self, work: Work, amount: _Amount) -> float | None:
        """Seconds of a unit of work, as measured in this run where that is known."""
        done = self._trained if work == "train" else amount.done
        if done:
            return amount.seconds / done
        if work == "train":
            return 1 / self.processes if self._costs else None
        passes = TEST_SPLIT * fmean(self._passes) / self.processes if self._passes else 0.0
        return USUAL[work] + (passes if work in ("test", "conditions") else 0.0)

    def _ahead(self, work: Work) -> float:
        if work == "train":
            return sum(trial.ahead * self._cost(trial.kind) for trial in self.trials.values() if trial.ahead)
        return self._amounts[work].ahead

    @property
    def _trained(self) -> float:
        return sum(trial.seen * self._cost(trial.kind) for trial in self.trials.values() if trial.seen)

    def _cost(self, kind: Kind) -> float:
        """Of an epoch of this kind, else of this network, else of any; 1 where none is known."""
        if kind in self._means:
            return self._means[kind]
        alike = [seconds for each, seconds in self._means.items() if each[0] == kind[0]]
        return fmean(alike or self._means.values() or [1.0])

    def _do(self, work: Work, units: float = 1.0) -> None:
        amount = self._amounts[work]
        amount.ahead = max(0.0, amount.ahead - units)
        amount.done += units

    def _plan(self, planned: Planned) -> None:
        """What a plan needs beyond what is known; of what follows training, as far as its trials tell."""
        plan, lacking, gates = planned.plan, planned.lacking, planned.gates
        measured = plan.suite if gates is None else plan.suite.measured_for(gates)
        for key in plan.trials.keys() - lacking:
            self._measure(key, _kind(plan.trials[key]))
        new = [key for key in plan.trials if key in lacking and key not in self.trials]
        self.trials |= {key: _Training(_kind(plan.trials[key]), plan.trials[key].epochs) for key in new}
        reported = [key for key in new if key in plan.reported]
        files = len(reported) * len(measured.variants) + sum(key in plan.evaluated for key in new)
        self._amounts["test"].ahead += 2 * files
        self._amounts["conditions"].ahead += len(reported) * len(measured.conditions)
        asked = measured.latency
        ways = len(asked.batch_sizes) * len(asked.threads) * len(asked.providers)
        networks = {plan.trials[key].model.label for key in reported}
        self._amounts["timing"].ahead += LOOKS[0] * ways * len(networks) * len(measured.variants)
        self._amounts["report"].ahead = int(gates is None)

    def _end(self, key: str, done: bool) -> None:
        trial = self.trials[key]
        trial.seen = len(trial.epochs)
        self.ended += 1
        if done:
            self._measure(key, trial.kind)

    def _measure(self, key: str, kind: Kind) -> None:
        """What an epoch of a trial that is trained took, from its record."""
        if self.store and key not in self._costs.get(kind, {}) and self.store.has_trial(key):
            record = self.store.read_trial(key)
            epochs = len(record.curve) - 1
            if epochs > 0:
                self._costs.setdefault(kind, {})[key] = record.training.shared_seconds / epochs
                self._means[kind] = fmean(self._costs[kind].values())
                self._passes.append(record.training.evaluation_seconds / epochs)


def _kind(trial: Trial) -> Kind:
    return (trial.model.label, *(lesson.loss.use for lesson in trial.lessons))
