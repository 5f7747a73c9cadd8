"""What a view costs for a batch of 128 images, and their normalization."""

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.micro.samples import BATCH, COLORED, GREY, batch_of, noise
from kdbench.spec import Choice
from kdbench.train.build import build_view
from kdbench.train.samples.batches import normalize
from kdbench.train.samples.mixup import mix, partners
from kdbench.zoo.catalog import Catalog
from kdbench.zoo.interface import Draw

VIEWS = ("crop", "flip", "cutout", "color_jitter", "random_resized_crop")
DRAW = Draw(0, 1, torch.arange(BATCH))


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("shape", [GREY, COLORED], ids=lambda shape: "x".join(map(str, shape)))
def test_view(benchmark: BenchmarkFixture, name: str, shape: tuple[int, int, int], catalog: Catalog) -> None:
    images, _ = batch_of(noise(shape))
    view = build_view(Choice(use=name), catalog)
    assert benchmark(view, images, DRAW).shape == images.shape


def test_mixup(benchmark: BenchmarkFixture) -> None:
    splits = noise(GREY)
    images, labels = batch_of(splits)
    others = splits.train.take(partners(DRAW, len(splits.train)).samples)
    assert isinstance(others.images, torch.Tensor)
    given = normalize(images, splits), labels, normalize(others.images, splits), others.labels
    mixed, shares = benchmark(mix, *given, DRAW, 0.2, splits.classes)
    assert (len(mixed), tuple(shares.shape)) == (BATCH, (BATCH, splits.classes))


def test_normalize(benchmark: BenchmarkFixture) -> None:
    splits = noise(GREY)
    images, _ = batch_of(splits)
    assert benchmark(normalize, images, splits).dtype == torch.float32
