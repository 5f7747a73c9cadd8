"""Carries out the jobs of timing, in processes in which torch is not imported."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from kdbench.deploy.runtime.session import CannotMeasure
from kdbench.deploy.timing.measurements import MOST_SAMPLES, cold_start, energy_of, time_pairs
from kdbench.execute.jobs.records import ReadEnergy, SamplesSaved, SaveRandomSamples, TimePair
from kdbench.execute.workers.job import NoAnswer
from kdbench.results.timings import Energy, Round


def read_energy(job: ReadEnergy) -> Energy:
    """Energy of predicting for so many seconds. Raises `NoAnswer`."""
    with _reason():
        return energy_of(Path(job.onnx), Path(job.samples), job.how, job.dimensions, job.seconds)


def time_pair(job: TimePair) -> Round:
    """A cold start of the candidate if asked for, then slices of candidate and reference. Raises `NoAnswer`."""
    files, samples = (Path(job.candidate), Path(job.reference)), Path(job.samples)
    with _reason():
        cold = cold_start(files[0], samples, job.how, job.dimensions) if job.cold else None
        timed = time_pairs(files, samples, job.how, job.dimensions, sessions=job.sessions, pairs=job.pairs)
        return timed.model_copy(update={"cold": cold})


def save_random_samples(job: SaveRandomSamples) -> SamplesSaved:
    """Normally distributed samples, always the same."""
    size = (max(MOST_SAMPLES, job.batch), *job.shape)
    images = np.random.default_rng(0).normal(size=size).astype(np.float32)
    np.save(job.path, images)
    return SamplesSaved(sample_bytes=images[0].nbytes)


@contextmanager
def _reason() -> Iterator[None]:
    """What cannot be measured here is no crash."""
    try:
        yield
    except CannotMeasure as reason:
        raise NoAnswer(str(reason)) from reason
