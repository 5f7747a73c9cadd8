"""What a built-in loss costs, forward and backward, for 128 samples of 10 classes."""

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.micro.samples import BATCH, CLASSES, GREY, TEACHER, trials_of
from kdbench.train.build import build_criterion, build_model
from kdbench.zoo.catalog import Catalog
from kdbench.zoo.interface import Draw, Moment, Outputs
from kdbench.zoo.layers.taps import trace

FLAT = {"student_layer": "embedding", "teacher_layer": "embedding"}
OPTIONS = {"fitnet": {"spatial": {}, "embedding": FLAT}}
TEACHERS: dict[str, dict[str, object]] = {"overhaul": {"use": "resnet_cifar"}}  # it asks for batch norm
SAMPLES = 50_000  # of the training split, as CIFAR has them: what crd remembers of each is as much
CASES = [
    pytest.param(name, options, id=f"{name}-{kind}" if kind else name)
    for name in Catalog().names("losses")
    for kind, options in OPTIONS.get(name, {"": {}}).items()
]


@pytest.mark.parametrize(("name", "options"), CASES)
def test_loss(benchmark: BenchmarkFixture, name: str, options: dict[str, object], catalog: Catalog) -> None:
    trial, teaching = trials_of({"use": name, **options}, {"use": "cnn", "width": 32}, TEACHERS.get(name, TEACHER))
    choices = (trial.model, teaching.model)[: 2 if trial.teachers else 1]
    traced = [trace(build_model(choice, catalog, CLASSES, GREY, seed=0), GREY) for choice in choices]
    criterion = build_criterion(trial.lessons[0], catalog, traced[0], traced[1:], Draw(0))
    layers = (criterion.student_layers, criterion.teacher_layers)
    given = [
        Outputs(
            torch.randn(BATCH, CLASSES, requires_grad=not index),
            {layer: torch.randn(BATCH, *one.shape(layer), requires_grad=not index) for layer in layers[index]},
        )
        for index, one in enumerate(traced)
    ]
    teacher = given[1] if len(given) > 1 else None
    everyones = torch.randint(0, CLASSES, (SAMPLES,))
    labels = everyones[:BATCH]
    moment = Moment(0.5, 1, Draw(0, 1, torch.arange(BATCH)), everyones)  # after every warm-up and initialization

    def forward_and_backward() -> None:
        criterion(given[0], teacher, labels, moment).backward()  # type: ignore[no-untyped-call]

    benchmark(forward_and_backward)
    assert any(tensor.grad is not None for tensor in (given[0].logits, *given[0].features.values()))
