"""The training loop: a cohort of models that share teacher, data, views, recipe and seed, in lockstep.

One pass over the data and one teacher forward per batch serve them all. Nothing that a model computes depends on
the others: each draws its random numbers from (seed, step), so alone or in a cohort its weights are the same.
"""

import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack

import torch
from torch import Tensor, nn

from kdbench.results import TrainingCost
from kdbench.spec import Trial
from kdbench.train.batches import batches, steps_per_epoch
from kdbench.train.build import build_criterion, build_model, build_view
from kdbench.train.learner import Learner, read_clock
from kdbench.train.memory import peak_memory_bytes, reset_peak_memory
from kdbench.train.outcome import EpochDone, NotTrained, Outcome, Trained
from kdbench.train.schedule import learning_rate_factor
from kdbench.zoo.catalog import Catalog
from kdbench.zoo.datasets.splits import Splits
from kdbench.zoo.interface import NotApplicable, Outputs
from kdbench.zoo.taps import Trace, outputs, tapped, trace


def train_cohort(
    trials: Sequence[Trial], splits: Splits, teacher: nn.Module | None, catalog: Catalog
) -> Generator[EpochDone, None, list[Outcome]]:
    """Train trials that differ in model and loss only. Yields progress; returns an outcome for each, in order.

    The teacher is put in eval mode and gets no gradient. Everything runs on the device that the data is on.
    """
    spec, seed = trials[0].train, trials[0].seed
    augment = [build_view(choice, catalog) for choice in spec.augment]
    view = build_view(trials[0].view, catalog)
    outcomes: dict[str, Outcome] = {}
    learners: list[Learner] = []
    with ExitStack() as stack:
        traced = trace(teacher, splits.shape) if teacher else None
        for trial in trials:
            try:
                learners.append(_enrol(trial, splits, traced, catalog, stack))
            except NotApplicable as reason:
                outcomes[trial.key] = NotTrained(trial, "skipped", str(reason))
        layers = {layer for learner in learners for layer in learner.criterion.teacher_layers}
        guide = _Guide(teacher, stack.enter_context(tapped(teacher, traced, layers))) if teacher and traced else None
        meter = _Meter(len(learners))
        for learner in learners:
            yield learner.close_epoch(0, splits)
        steps = steps_per_epoch(len(splits.train), spec.batch_size)
        for epoch in range(1, spec.epochs + 1):
            active = [learner for learner in learners if not learner.stopped]
            for batch in batches(splits, augment, seed, epoch, spec.batch_size) if active else ():
                taught = guide(batch.images) if guide else None
                seen = view(batch.images, batch.draw)
                step = (epoch - 1) * steps + batch.index
                factor = learning_rate_factor(spec, (step + 0.5) / steps)  # the middle of the step
                for learner in active:
                    learner.step(seen, batch.labels, taught, factor, seed=seed * 1_000_003 + step)
            for learner in active:
                yield learner.close_epoch(epoch, splits)
    for learner in learners:
        outcomes[learner.trial.key] = _conclude(learner, meter.read(learner, guide))
    return [outcomes[trial.key] for trial in trials]


def _enrol(trial: Trial, splits: Splits, teacher: Trace | None, catalog: Catalog, stack: ExitStack) -> Learner:
    device = splits.train.images.device
    model = build_model(trial.model, catalog, splits.classes, splits.shape, trial.seed).to(device)
    traced = trace(model, splits.shape)
    criterion = build_criterion(trial, catalog, traced, teacher)
    if criterion.module:
        criterion.module.to(device)
    features = stack.enter_context(tapped(model, traced, criterion.student_layers))
    return Learner(trial, model, criterion, features)


def _conclude(learner: Learner, cost: TrainingCost) -> Outcome:
    if learner.stopped not in ("epochs", "patience"):
        return NotTrained(learner.trial, "failed", f"diverged: {learner.diverged}")
    model = learner.selected_model()
    return Trained(learner.trial, model, tuple(learner.curve), learner.selected_epoch, learner.stopped, cost)


class _Guide:
    """The teacher as the cohort sees it: frozen, one forward a batch."""

    def __init__(self, model: nn.Module, features: dict[str, Tensor]) -> None:
        self.model = model.eval().requires_grad_(False)
        self.features = features
        self.seconds = 0.0

    def __call__(self, images: Tensor) -> Outputs:
        began = read_clock(images.device)
        with torch.no_grad():
            answer = outputs(self.model, images, self.features)
        self.seconds += read_clock(images.device) - began
        return answer


class _Meter:
    """What a cohort's training costs, from its making to the reading."""

    def __init__(self, cohort: int) -> None:
        reset_peak_memory()
        self.cohort = cohort
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def read(self, learner: Learner, guide: _Guide | None) -> TrainingCost:
        return TrainingCost(
            steps=learner.steps,
            samples=learner.samples,
            wall_seconds=time.perf_counter() - self.wall,
            cpu_seconds=time.process_time() - self.cpu,
            step_seconds=learner.step_seconds,
            teacher_seconds=guide.seconds if guide else 0.0,
            cohort=self.cohort,
            peak_memory_bytes=peak_memory_bytes(),
            device=str(next(learner.model.parameters()).device),
            threads=torch.get_num_threads(),
        )
