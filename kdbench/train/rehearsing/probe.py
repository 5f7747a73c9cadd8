"""How long a step takes here: measured on a few batches before the work begins."""

import time
from dataclasses import replace

import torch

from kdbench.spec import Trial
from kdbench.spec.generators import drain
from kdbench.train.ended import Trained
from kdbench.train.faculty import Parents
from kdbench.train.loop import train_cohort
from kdbench.zoo.catalog import Catalog
from kdbench.zoo.datasets.splits import Splits

_BATCHES = 2


def seconds_per_step(
    trial: Trial, splits: Splits, parents: Parents, catalog: Catalog, seconds: float = 0.4
) -> float | None:
    """The fastest of some short trainings on two batches: data, teacher and own step. None where it cannot train."""
    few = torch.arange(min(len(splits.train), _BATCHES * trial.train.batch_size), device=splits.train.labels.device)
    part = replace(splits, train=splits.train.take(few), validation=splits.validation.take(few[:1]))
    found: list[float] = []
    began = time.perf_counter()
    while len(found) < 2 or time.perf_counter() - began < seconds:  # the first one warms up
        (outcome,) = drain(train_cohort([trial], part, catalog, parents, until=1))
        if not isinstance(outcome, Trained) or not outcome.cost.steps:
            return None
        cost = outcome.cost
        found.append((cost.step_seconds + cost.data_seconds + cost.teacher_seconds) / cost.steps)
    return min(found)
