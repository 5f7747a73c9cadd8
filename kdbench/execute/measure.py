"""ONNX files that the user brings: inspected, evaluated where data is given, and timed in turns with the first."""

from collections.abc import Generator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from kdbench.deploy.foreign import ForeignModel, inspect_model
from kdbench.execute.messages import DataDescribed, FileEvaluated, Message
from kdbench.execute.place import Place
from kdbench.execute.timing import Inputs, Network, NotTaken, Settled, ask, time_networks
from kdbench.results import LatencyRecord, Store, environment_facts
from kdbench.results.records import MeasuredModel, Measurement, Predictions, ThroughputRecord
from kdbench.spec import DataSpec, LatencySpec, UserError

T = TypeVar("T")
Shape = tuple[int, int, int]


def measure_files(
    files: Sequence[Path],
    asked: LatencySpec,
    place: Place,
    settled: Settled,
    *,
    data: DataSpec | None = None,
    scale: str = "standard",
    shape: Shape | None = None,
) -> Generator[Message, None, Measurement]:
    """Measure ONNX classifiers. `place.store` takes the records on the way.

    `shape` [C, H, W] is of made-up images, for models that take any size where there is no data. Raises `UserError`.
    """
    spec = data.model_dump(mode="json") if data else None
    classes = None
    if spec is not None:
        described = yield from _required(ask(place, "describe_data", DataDescribed, data=spec))
        channels, height, width = described.shape
        shape, classes = (channels, height, width), described.classes
    models = {file: inspect_model(file, shape) for file in files}
    _refuse_other_classes(models, classes)
    shape = shape or _common_shape(models)
    batch = _common_batch(models)
    if batch:
        asked = asked.model_copy(update={"batch_sizes": (batch,), "largest_batch": 1})
    tests = {}
    for file in files:
        if spec is not None:
            item = {"data": spec, "scale": scale, "onnx": str(file), "name": str(file), "batch": batch}
            tests[file] = (yield from _required(ask(place, "evaluate_file", FileEvaluated, **item))).test
    networks = [_network(file, model) for file, model in models.items()]
    names = [model.batch_name for model in models.values() if model.batch_name]
    inputs: Inputs = {"data": spec, "scale": scale, "shape": list(shape), "dimensions": names}
    timed = yield from time_networks(networks, networks[0], (), asked, inputs, place, settled)
    latencies = (place.store.read(Store.LATENCY, key, LatencyRecord) for key in timed.latencies)
    throughputs = (place.store.read(Store.THROUGHPUT, key, ThroughputRecord) for key in timed.throughputs)
    return Measurement(
        models=tuple(_describe(file, model, tests.get(file)) for file, model in models.items()),
        data=spec,
        scale=scale,
        latency=asked.model_dump(mode="json"),
        latencies=tuple(record for record in latencies if record),
        throughputs=tuple(record for record in throughputs if record),
        not_measured=tuple(timed.missing),
        environment=environment_facts(),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _required(answer: Generator[Message, None, T]) -> Generator[Message, None, T]:
    """An answer without which nothing can follow."""
    try:
        return (yield from answer)
    except NotTaken as reason:
        text = f"the models could not be evaluated: {reason}"
        raise UserError(text, help="run it with --debug to see where") from reason


def _refuse_other_classes(models: dict[Path, ForeignModel], classes: int | None) -> None:
    for file, model in models.items():
        if None not in (classes, model.classes) and model.classes != classes:
            raise UserError(
                f"'{file}' tells {model.classes} classes apart, and the data has {classes}",
                help="measure it without --data, or with the dataset it was trained on",
            )


def _common_shape(models: dict[Path, ForeignModel]) -> Shape:
    """The size of image that all models take. Raises `UserError`."""
    wanted = {file: model.input_shape[1:] for file, model in models.items()}
    shapes = set(wanted.values())
    if len(shapes) > 1:
        listed = ", ".join(f"'{file}' {'x'.join(map(str, shape))}" for file, shape in wanted.items())
        raise UserError(f"the models take images of several sizes: {listed}", help="measure them one at a time")
    channels, height, width = next(iter(shapes))
    if channels is None or height is None or width is None:
        raise UserError(
            "the models take images of any size, so one must be given",
            help="write --shape 3x224x224, say, or give --data DATASET",
        )
    return channels, height, width


def _common_batch(models: dict[Path, ForeignModel]) -> int | None:
    """The only batch size that the models take; None: any. Raises `UserError` where they contradict each other."""
    fixed = {file: model.fixed_batch for file, model in models.items() if model.fixed_batch}
    if len(set(fixed.values())) > 1:
        listed = ", ".join(f"'{file}' {batch}" for file, batch in fixed.items())
        raise UserError(
            f"the models were exported for different batch sizes: {listed}",
            help="export them with a batch dimension of any size, or measure them one at a time",
        )
    return next(iter(fixed.values()), None)


def _network(file: Path, model: ForeignModel) -> Network:
    """A file is an architecture of its own here: two with the same graph are timed as two."""
    return Network(str(file), str(file), model.sha256, file, model.sha256, model.flops or 0)


def _describe(file: Path, model: ForeignModel, test: Predictions | None) -> MeasuredModel:
    return MeasuredModel(
        name=str(file),
        input_shape=model.input_shape,
        fixed_batch=model.fixed_batch,
        classes=model.classes,
        parameters=model.parameters,
        flops=model.flops,
        flops_reason=model.flops_reason,
        onnx_bytes=model.onnx_bytes,
        onnx_sha256=model.sha256,
        operators=model.operators,
        opset=model.opset,
        notes=model.notes,
        test=test,
    )
