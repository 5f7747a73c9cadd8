"""What `kdbench measure` found of ONNX files that were brought along."""

from pydantic import JsonValue

from kdbench.results.predictions import Predictions
from kdbench.results.timings import LatencyRecord, NotMeasured, ThroughputRecord
from kdbench.spec import Record
from kdbench.spec.choice import Several


class MeasuredModel(Record):
    """An ONNX file that was brought along: what it costs, and what it predicts where data was given."""

    name: str
    input_shape: Several[int | None]  # batch, channels, height, width; none: any
    fixed_batch: int | None
    classes: int | None
    parameters: int
    flops: int | None  # of one sample
    flops_reason: str | None  # why there are none
    onnx_bytes: int  # with external data
    onnx_sha256: str
    operators: dict[str, int]
    opset: int
    notes: Several[str]
    test: Predictions | None


class Measurement(Record):
    """Files brought along, timed in turns with the first of them. Latencies name a file by its `name`."""

    models: Several[MeasuredModel]
    data: dict[str, JsonValue] | None  # resolved
    scale: str  # of the images that the models were given
    latency: dict[str, JsonValue]  # as asked for
    latencies: Several[LatencyRecord]
    throughputs: Several[ThroughputRecord]
    not_measured: Several[NotMeasured]
    machine: dict[str, JsonValue]
    finished: str
