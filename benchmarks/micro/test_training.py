"""What a student's step, the evaluation of 1,000 samples and a read of the cached teacher cost."""

from pathlib import Path

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.micro.samples import BATCH, COLORED, GREY, batch_of, noise, trials_of
from kdbench.results.output_cache import CacheFolder
from kdbench.train.build import build_criterion, build_model
from kdbench.train.channels_last import keep_channels_last
from kdbench.train.evaluate import evaluate
from kdbench.train.instruction import Instruction
from kdbench.train.learner import Learner
from kdbench.train.samples.batches import Batch, normalize
from kdbench.train.teacher import LOGITS, Cached, Live
from kdbench.zoo.catalog import Catalog
from kdbench.zoo.interface import Draw, Moment, Outputs
from kdbench.zoo.layers.taps import tapped, trace

STUDENTS: dict[str, tuple[dict[str, object], tuple[int, int, int]]] = {
    "cnn 32": ({"use": "cnn", "width": 32}, GREY),
    "resnet20": ({"use": "resnet_cifar"}, COLORED),
}
CPU = torch.device("cpu")


@pytest.mark.parametrize("name", STUDENTS)
def test_step(benchmark: BenchmarkFixture, name: str, catalog: Catalog) -> None:
    choice, shape = STUDENTS[name]
    splits = noise(shape)
    trial, _ = trials_of({"use": "kd"}, choice)
    model = build_model(trial.model, catalog, splits.classes, splits.shape, seed=0)
    traced = trace(model, splits.shape)
    criterion = build_criterion(trial.lessons[0], catalog, traced, [traced], Draw(0))
    teacher = Live(model, {}, CPU)  # only a name for the outputs that the step is given
    raw, labels = batch_of(splits)
    images, taught = normalize(raw, splits), {teacher: Outputs(torch.randn(BATCH, splits.classes))}
    moment = Moment(0.0, trial.train.epochs, Draw(0, 1, torch.arange(BATCH)), splits.train.labels)
    with keep_channels_last(model), tapped(model, traced, ()) as features:
        instruction = Instruction(trial.lessons[0], criterion, teachers=[teacher])
        learner = Learner(trial, model, [instruction], features, CPU, trial.train.epochs)
        benchmark.pedantic(learner.step, args=(images, labels, taught, moment, 0.1, 0), rounds=8, warmup_rounds=1)
    assert learner.steps == 9


@pytest.mark.parametrize("name", STUDENTS)
def test_evaluation(benchmark: BenchmarkFixture, name: str, catalog: Catalog) -> None:
    choice, shape = STUDENTS[name]
    splits = noise(shape)
    trial, _ = trials_of({"use": "kd"}, choice)
    model = build_model(trial.model, catalog, splits.classes, splits.shape, seed=0)
    _, top1 = benchmark.pedantic(evaluate, args=(model, splits.validation, splits), rounds=3, warmup_rounds=1)
    assert 0 <= top1 <= 1


def test_cached_teacher(benchmark: BenchmarkFixture, catalog: Catalog, tmp_path: Path) -> None:
    """Logits and embedding of a batch, each sample in a view of its own."""
    splits = noise(GREY)
    trial, teaching = trials_of({"use": "kd"}, STUDENTS["cnn 32"][0], augment=["flip"], views="bank", bank=4)
    teacher = build_model(teaching.model, catalog, splits.classes, splits.shape, seed=0).eval()
    traced, samples = trace(teacher, splits.shape), len(splits.train)
    widths = {LOGITS: splits.classes, "layer.embedding": traced.shape("embedding")[0]}

    cache = CacheFolder(tmp_path, 10**9).open("micro", {}, samples, widths, slots=4)
    cached = Cached(teacher, traced, cache, ["embedding"], splits, trial.train, [], trial.seed)
    cached.prepare(epoch=1)  # runs the teacher, once for all
    draw = Draw(trial.seed, 1, torch.randperm(samples)[:BATCH])
    images, labels = batch_of(splits)
    read = benchmark(cached, Batch(images, labels, draw, torch.arange(BATCH) % 4, index=0))
    cache.close()
    assert read.features["embedding"].shape == (BATCH, widths["layer.embedding"])
