"""Generated samples of a few numbers each: for networks such as 10-100-100-10, and for runs that need no file."""

from pathlib import Path

import torch

from kdbench.spec.types import Count, Positive
from kdbench.zoo.interface import Dataset, Draw, Split

TEST = 2000  # samples of the test split


def clusters(
    root: Path,  # noqa: ARG001 - every dataset takes it; this one is generated
    *,
    features: Count = 10,
    classes: Count = 10,
    per_class: Count = 4,
    samples: Count = 4000,
    spread: Positive = 2.0,
) -> Dataset:
    """Samples around random centres, `per_class` of them for each class, which is why no straight line parts them.

    Formula: x = spread * c + e with c and e standard normal; c is one of the class's centres, drawn uniformly, e is of
    the sample. All that is drawn is the same in every run. `samples` are to train; 2,000 more are the test split.
    Shapes: samples as images [N, 1, 1, features], float32; labels [N], int64, as many of each class as can be.
    Units: `spread` in standard deviations of a sample around its centre: the smaller, the more the classes overlap.
    Raises: nothing.
    Source: Guyon 2003, Design of experiments for the NIPS 2003 variable selection benchmark, whose clusters
    scikit-learn's `make_classification` draws.
    Differs: the centres are normal, not the corners of a cube, and no feature is redundant or noise.
    """
    generator = Draw(0, purpose="clusters").generator("samples")
    centres = spread * torch.randn(classes, per_class, features, generator=generator)
    count = samples + TEST
    labels = torch.arange(count) % classes
    which = torch.randint(per_class, (count,), generator=generator)
    values = centres[labels, which] + torch.randn(count, features, generator=generator)
    images = values[:, None, None, :]
    return Dataset(Split(images[:samples], labels[:samples]), Split(images[samples:], labels[samples:]), classes)
