"""The training loop: a cohort of models that share teachers, data, views, seed and recipe, step by step together.

They share each pass over the data and each forward pass of a teacher. Nothing that a model computes depends on the
others: all random numbers are drawn by (seed, purpose, step), so alone or in a cohort its weights are the same.
"""

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack

import torch
from torch import nn

from kdbench.results import TrainingCost
from kdbench.results.machine.energy import EnergyMeter
from kdbench.spec import Trial
from kdbench.spec.recipe import learning_rate_factor
from kdbench.train.build import BuiltView, build_criterion, build_network, build_view, start_from
from kdbench.train.channels_last import keep_channels_last
from kdbench.train.cost.clock import Stopwatch
from kdbench.train.cost.memory import peak_memory_bytes, reset_peak_memory
from kdbench.train.ended import Ended, EpochDone, NotTrained, Trained
from kdbench.train.ensemble import Ensemble
from kdbench.train.faculty import NO_PARENTS, Faculty, OpenTeacherCache, Parents, no_cache
from kdbench.train.heads import sight_of
from kdbench.train.instruction import instruct
from kdbench.train.learner import Learner
from kdbench.train.quantized import quantized
from kdbench.train.samples.batches import Batch, batches, normalize, steps_per_epoch
from kdbench.train.snapshots import Snapshots
from kdbench.zoo.catalog import Catalog
from kdbench.zoo.datasets.splits import Splits
from kdbench.zoo.interface import Draw, Moment, NotApplicable
from kdbench.zoo.layers.taps import tapped, trace

CALIBRATION_IMAGES = 256  # of the training split: where the ranges of a training in 8 bits begin


def train_cohort(
    trials: Sequence[Trial],
    splits: Splits,
    catalog: Catalog,
    parents: Parents = NO_PARENTS,
    open_cache: OpenTeacherCache = no_cache,
    processes: int | None = None,
    until: int | None = None,
    snapshots: Snapshots | None = None,
) -> Generator[EpochDone, None, list[Ended]]:
    """Train trials that differ in model, lessons, start and optimizer. Yields progress; returns outcomes, in order.

    Teachers are put in eval mode and get no gradient. Their outputs are read from the cache where `open_cache` gives
    one and the views are finite, else their forward pass runs on every batch. Everything runs on the device that the
    data is on. Energy is read where `processes` says how many train at the same time. `until` ends it after so many
    epochs, as a rehearsal does, with the schedules of the whole training. All train the same span of the recipe. Those
    of which there is a snapshot go on from it, and from time to time another is left.
    """
    spec, seed = trials[0].train, trials[0].seed
    epochs = trials[0].epochs[:until]
    view = build_view(trials[0].view, catalog, splits.task.inputs[0])
    device = splits.train.labels.device
    outcomes: dict[str, Ended] = {}
    learners: list[Learner] = []
    with ExitStack() as stack:
        faculty = Faculty(parents.teachers, splits, spec, seed, catalog, open_cache, stack)
        for trial in trials:
            try:
                learners.append(_enrol(trial, splits, faculty, parents, catalog, stack, epochs.stop - 1, view))
            except NotApplicable as reason:
                outcomes[trial.key] = NotTrained(trial, "skipped", str(reason), reason)
        faculty.open([instruction for learner in learners for instruction in learner.instructions])
        energy = stack.enter_context(EnergyMeter(str(device), processes)) if processes else None
        meter = _Meter(learners, device, energy)
        for learner in learners:
            if snapshots and (spent := snapshots.restore(learner)):
                meter.before[learner] = spent
                yield learner.reached()
            else:
                yield learner.close_epoch(epochs.start - 1, splits)
            if learner.stopped:
                outcomes[learner.trial.key] = _conclude(learner, meter)
        steps = steps_per_epoch(len(splits.train), spec.batch_size)
        for epoch in epochs:
            active = [learner for learner in learners if learner.epoch < epoch and not learner.stopped]
            if not active:
                continue
            teachers = list(dict.fromkeys(teacher for learner in active for teacher in learner.teachers))
            for teacher in teachers:
                teacher.prepare(epoch)
            for batch in meter.fetching(batches(splits, spec, faculty.augment, seed, epoch)):
                taught = {teacher: teacher(batch) for teacher in teachers}
                with meter.data():  # an attack depends on who sees it: see `Learner.step`
                    seen = batch.images if view.attacks else view(batch.images, batch.draw)
                step = (epoch - 1) * steps + batch.index
                moment = Moment(step / steps, spec.epochs, batch.draw, splits.train.labels)
                factor = learning_rate_factor(spec, (step + 0.5) / steps)  # the middle of the step
                dropout = Draw(seed, step).seed_of("dropout")
                for learner in active:
                    learner.step(batch.images, seen, batch.labels, taught, moment, factor, dropout)
            for learner in active:
                yield learner.close_epoch(epoch, splits)
                if learner.stopped:  # its cost ends here, though others may go on
                    outcomes[learner.trial.key] = _conclude(learner, meter)
            if snapshots and not all(learner.stopped for learner in learners) and snapshots.due():
                for learner in learners:
                    snapshots.write(learner, learner.cost or meter.read(learner))
    return [outcomes[trial.key] for trial in trials]


def _enrol(
    trial: Trial,
    splits: Splits,
    faculty: Faculty,
    parents: Parents,
    catalog: Catalog,
    stack: ExitStack,
    until: int,
    view: BuiltView,
) -> Learner:
    device = splits.train.labels.device
    answers = sight_of(trial, trial.deploys, splits)
    if view.attacks and trial.heads:
        raise NotApplicable("an attack as the view of a network of several heads is not built yet: use another view")
    model = deployed = _build(trial, splits, parents, catalog).to(device)
    if trial.weight_bits:
        if trial.deploys or trial.anchors:
            what = "that deploys some of its heads" if trial.deploys else "whose weights are held to others' (anchors)"
            raise NotApplicable(f"a network {what} is not trained in 8 bits yet: leave out int8_qat")
        deployed = quantized(model, splits.shape, trial.weight_bits)
        deployed.calibrate(normalize(splits.train.images[:CALIBRATION_IMAGES], splits))
    traced = trace(model, splits.shape)
    instructions = []
    for number, lesson in enumerate(trial.lessons):
        teachers = [faculty.traces[key] for key in lesson.teachers]
        criterion = build_criterion(lesson, catalog, traced, teachers, Draw(trial.seed), number)
        if criterion.module:
            criterion.module.to(device)
        if trial.heads and criterion.deployed(model) is not model:
            text = f"'{lesson.loss.use}' deploys another network, whose columns are not the trial's heads"
            raise NotApplicable(f"{text}: take another loss under this way of teaching")
        given = [(parents.trials.get(key), faculty.traces[key].outputs) for key in lesson.teachers]
        instructions.append(instruct(trial, lesson, criterion, given, splits))
    stack.enter_context(keep_channels_last(model))
    layers = dict.fromkeys(layer for each in instructions for layer in each.criterion.student_layers)
    features = stack.enter_context(tapped(model, traced, tuple(layers)))
    attack = view if view.attacks else None
    anchors = [parents.anchors[key] for key in trial.anchors]
    return Learner(trial, deployed, instructions, features, device, until, attack, answers, anchors)


def _build(trial: Trial, splits: Splits, parents: Parents, catalog: Catalog) -> nn.Module:
    """The network as its training begins."""
    if trial.combine:
        return Ensemble([parents.members[key] for key in trial.start], trial.combine)
    model = build_network(trial, catalog, splits.task)
    if trial.start:
        shares = [parents.samples[key] for key in trial.start] if trial.merge == "samples" else trial.merge
        start_from(model, [parents.starts[key] for key in trial.start], shares)
    return model


def _conclude(learner: Learner, meter: "_Meter") -> Ended:
    learner.cost = cost = learner.cost or meter.read(learner)
    if learner.stopped not in ("epochs", "patience"):
        return NotTrained(learner.trial, "failed", f"diverged: {learner.diverged}")
    model = learner.selected_model()
    return Trained(learner.trial, model, tuple(learner.curve), learner.selected_epoch, learner.stopped, cost)


class _Meter:
    """Measures what a cohort's training costs, from its construction until `read`."""

    def __init__(self, cohort: Sequence[Learner], device: torch.device, energy: EnergyMeter | None) -> None:
        reset_peak_memory(device)
        self.cohort = cohort
        self.before: dict[Learner, TrainingCost] = {}  # of those that an interrupted training left
        self.energy = energy
        self.device = device
        self.data = Stopwatch(device)
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def fetching(self, source: Iterator[Batch]) -> Iterator[Batch]:
        """The same batches; the time that making them takes is added up."""
        while True:
            with self.data():
                batch = next(source, None)
            if batch is None:
                return
            yield batch

    def read(self, learner: Learner) -> TrainingCost:
        teachers = learner.teachers
        sources = {teacher.source for teacher in teachers}
        before = self.before.get(learner)
        samples = learner.samples - (before.samples if before else 0)
        cost = TrainingCost(
            steps=learner.steps,
            samples=learner.samples,
            wall_seconds=time.perf_counter() - self.wall,
            cpu_seconds=time.process_time() - self.cpu,
            step_seconds=learner.stepping.seconds,
            evaluation_seconds=learner.evaluating.seconds,
            data_seconds=self.data.seconds,
            teacher="none" if not sources else "cached" if sources == {"cached"} else "live",
            teacher_seconds=sum(teacher.watch.seconds for teacher in teachers),
            teacher_seconds_alone=sum(teacher.alone(samples) for teacher in teachers),
            teacher_shared_by=sum(other.teachers == teachers for other in self.cohort) if teachers else 1,
            cohort=len(self.cohort),
            peak_memory_bytes=peak_memory_bytes(self.device),
            device=str(self.device),
            threads=torch.get_num_threads(),
        )
        if before:
            cost = cost.after(before)
        if self.energy is None:
            return cost
        # After the stopwatches, which have waited for the device.
        earlier = sum(spent.samples for spent in self.before.values())
        energy = self.energy.read(sum(other.samples for other in self.cohort) - earlier)
        return cost.model_copy(update={"energy": energy})
