"""Carries out the jobs that look at a dataset: what images it has, and samples for processes without torch."""

import numpy as np

from kdbench.deploy.timing.measurements import MOST_SAMPLES
from kdbench.execute.jobs.context import Context
from kdbench.execute.jobs.records import DataDescribed, DescribeData, SamplesSaved, SaveSamples
from kdbench.execute.jobs.samples import rescale, samples_of_test


def describe_data(job: DescribeData) -> DataDescribed:
    """What images a dataset has."""
    splits = Context(job.setting).splits(job.data)
    return DataDescribed(shape=splits.shape, classes=splits.classes, notes=splits.notes)


def save_samples(job: SaveSamples) -> SamplesSaved:
    """The first test samples as a model gets them, as a file."""
    splits = Context(job.setting).splits(job.data)
    images = samples_of_test(splits, max(MOST_SAMPLES, job.batch), rescale(splits, job.scale))
    np.save(job.path, images)
    return SamplesSaved(sample_bytes=images[0].nbytes)
