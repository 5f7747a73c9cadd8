"""The training loop: a cohort of models that share teacher, data, views, recipe and seed, in lockstep.

One pass over the data and one word of the teacher per batch serve them all. Nothing that a model computes depends on
the others: each draws its random numbers from (seed, step), so alone or in a cohort its weights are the same.
"""

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack

import torch
from torch import nn

from kdbench.results import TrainingCost
from kdbench.results.machine.energy import EnergyMeter
from kdbench.spec import Trial
from kdbench.train.batches import Batch, View, batches, steps_per_epoch
from kdbench.train.build import build_criterion, build_model, build_view
from kdbench.train.channels_last import keep_channels_last
from kdbench.train.clock import Stopwatch
from kdbench.train.learner import Learner
from kdbench.train.memory import peak_memory_bytes, reset_peak_memory
from kdbench.train.outcome import EpochDone, NotTrained, Outcome, Trained
from kdbench.train.schedule import learning_rate_factor
from kdbench.train.teacher import Live, OpenCache, Recalled, widths
from kdbench.zoo.catalog import Catalog
from kdbench.zoo.datasets.splits import Splits
from kdbench.zoo.interface import Moment, NotApplicable
from kdbench.zoo.layers.taps import Trace, tapped, trace


def train_cohort(
    trials: Sequence[Trial],
    splits: Splits,
    teacher: nn.Module | None,
    catalog: Catalog,
    open_cache: OpenCache = lambda _: None,
    processes: int | None = None,
    until: int | None = None,
) -> Generator[EpochDone, None, list[Outcome]]:
    """Train trials that differ in model and loss only. Yields progress; returns an outcome for each, in order.

    The teacher is put in eval mode and gets no gradient. What it says is recalled from the cache where there is one
    and the views are finite, else asked live. Everything runs on the device that the data is on. Energy is read
    where it is said how many `processes` train at the same time. `until` ends it after so many epochs, as a rehearsal
    does, with the schedules of the whole training.
    """
    spec, seed = trials[0].train, trials[0].seed
    augment = [build_view(choice, catalog) for choice in spec.augment]
    view = build_view(trials[0].view, catalog)
    device = splits.train.labels.device
    outcomes: dict[str, Outcome] = {}
    learners: list[Learner] = []
    with ExitStack() as stack:
        traced = trace(teacher.eval().requires_grad_(False), splits.shape) if teacher else None
        for trial in trials:
            try:
                learners.append(_enrol(trial, splits, traced, catalog, stack, until or spec.epochs))
            except NotApplicable as reason:
                outcomes[trial.key] = NotTrained(trial, "skipped", str(reason))
        if teacher and traced and learners:
            _introduce(teacher, traced, learners, splits, augment, open_cache, stack)
        energy = stack.enter_context(EnergyMeter(str(device), processes)) if processes else None
        meter = _Meter(learners, device, energy)
        for learner in learners:
            yield learner.close_epoch(0, splits)
            if learner.stopped:
                outcomes[learner.trial.key] = _conclude(learner, meter.read(learner))
        steps = steps_per_epoch(len(splits.train), spec.batch_size)
        for epoch in range(1, (until or spec.epochs) + 1):
            active = [learner for learner in learners if not learner.stopped]
            teachers = {learner.teacher for learner in active if learner.teacher}
            for asked in teachers:
                asked.prepare(epoch)
            for batch in meter.fetching(batches(splits, spec, augment, seed, epoch)) if active else ():
                said = {asked: asked(batch) for asked in teachers}
                with meter.data():
                    seen = view(batch.images, batch.draw)
                step = (epoch - 1) * steps + batch.index
                moment = Moment(step / steps, spec.epochs, batch.draw, splits.train.labels)
                factor = learning_rate_factor(spec, (step + 0.5) / steps)  # the middle of the step
                for learner in active:
                    taught = said[learner.teacher] if learner.teacher else None
                    learner.step(seen, batch.labels, taught, moment, factor, seed=seed * 1_000_003 + step)
            for learner in active:
                yield learner.close_epoch(epoch, splits)
                if learner.stopped:  # its cost ends here, though others may go on
                    outcomes[learner.trial.key] = _conclude(learner, meter.read(learner))
    return [outcomes[trial.key] for trial in trials]


def _enrol(
    trial: Trial, splits: Splits, teacher: Trace | None, catalog: Catalog, stack: ExitStack, until: int
) -> Learner:
    device = splits.train.labels.device
    model = build_model(trial.model, catalog, splits.classes, splits.shape, trial.seed).to(device)
    traced = trace(model, splits.shape)
    criterion = build_criterion(trial, catalog, traced, teacher)
    if criterion.module:
        criterion.module.to(device)
    stack.enter_context(keep_channels_last(model))
    features = stack.enter_context(tapped(model, traced, criterion.student_layers))
    return Learner(trial, model, criterion, features, device, until)


def _introduce(
    model: nn.Module,
    traced: Trace,
    learners: Sequence[Learner],
    splits: Splits,
    augment: Sequence[View],
    open_cache: OpenCache,
    stack: ExitStack,
) -> None:
    """Give each learner that is taught its way to the teacher, which depends on its own loss and not on the others'."""
    device = splits.train.labels.device
    taught = [learner for learner in learners if learner.criterion.taught]
    spec, seed = learners[0].trial.train, learners[0].trial.seed
    flat = [learner for learner in taught if widths(learner.criterion.teacher_layers, traced, splits.classes)]
    # Where all that they ask for has no room, what each asks for may: that must not hang on the others.
    for layers in dict.fromkeys((_layers(flat), *(learner.criterion.teacher_layers for learner in flat))):
        left = [learner for learner in flat if not learner.teacher and {*learner.criterion.teacher_layers} <= {*layers}]
        cache = open_cache(widths(layers, traced, splits.classes) or {}) if left and spec.slots else None
        if cache:
            stack.callback(cache.close)
            recalled = Recalled(model, traced, cache, layers, splits, spec, augment, seed)
            for learner in left:
                learner.teacher = recalled
    if asking := [learner for learner in taught if not learner.teacher]:
        live = Live(model, stack.enter_context(tapped(model, traced, _layers(asking))), device)
        for learner in asking:
            learner.teacher = live


def _layers(learners: Sequence[Learner]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(layer for learner in learners for layer in learner.criterion.teacher_layers))


def _conclude(learner: Learner, cost: TrainingCost) -> Outcome:
    if learner.stopped not in ("epochs", "patience"):
        return NotTrained(learner.trial, "failed", f"diverged: {learner.diverged}")
    model = learner.selected_model()
    return Trained(learner.trial, model, tuple(learner.curve), learner.selected_epoch, learner.stopped, cost)


class _Meter:
    """What a cohort's training costs, from its making to the reading."""

    def __init__(self, cohort: Sequence[Learner], device: torch.device, energy: EnergyMeter | None) -> None:
        reset_peak_memory(device)
        self.cohort = cohort
        self.energy = energy
        self.device = device
        self.data = Stopwatch(device)
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def fetching(self, source: Iterator[Batch]) -> Iterator[Batch]:
        """The same batches, and the time that making them takes."""
        while True:
            with self.data():
                batch = next(source, None)
            if batch is None:
                return
            yield batch

    def read(self, learner: Learner) -> TrainingCost:
        teacher = learner.teacher
        cost = TrainingCost(
            steps=learner.steps,
            samples=learner.samples,
            wall_seconds=time.perf_counter() - self.wall,
            cpu_seconds=time.process_time() - self.cpu,
            step_seconds=learner.stepping.seconds,
            evaluation_seconds=learner.evaluating.seconds,
            data_seconds=self.data.seconds,
            teacher=teacher.source if teacher else "none",
            teacher_seconds=teacher.watch.seconds if teacher else 0.0,
            teacher_seconds_alone=teacher.alone(learner.samples) if teacher else 0.0,
            teacher_shared_by=sum(other.teacher is teacher for other in self.cohort) if teacher else 1,
            cohort=len(self.cohort),
            peak_memory_bytes=peak_memory_bytes(self.device),
            device=str(self.device),
            threads=torch.get_num_threads(),
        )
        if self.energy is None:
            return cost
        # After the stopwatches, which have waited for the device.
        energy = self.energy.read(sum(other.samples for other in self.cohort))
        return cost.model_copy(update={"energy": energy})
