"""Figures of files that were brought along, against scipy's own and by hand."""

import numpy as np
import pytest
from scipy import stats

from kdbench.analyze.deployment.measurement import describe_measurement
from kdbench.results import LatencyRecord
from kdbench.results.measurement import MeasuredModel, Measurement
from kdbench.results.predictions import Predictions
from kdbench.spec import LatencySpec
from kdbench.statistics.intervals import share_interval
from tests.records import latency_record, predictions, slice_sessions


def model(name: str, right: list[int] | None = None, **changes: object) -> MeasuredModel:
    """A file with predictions that are right where `right` is 1."""
    content: dict[str, object] = {
        "name": name,
        "input_shape": (None, 1, 8, 8),
        "fixed_batch": None,
        "classes": 10,
        "parameters": 100,
        "flops": 200,
        "flops_reason": None,
        "onnx_bytes": 1000,
        "onnx_sha256": "a" * 64,
        "operators": {"Gemm": 1},
        "opset": 18,
        "notes": (),
        "test": None if right is None else Predictions(**predictions(np.array(right, dtype=bool))),
    }
    return MeasuredModel.model_validate({**content, **changes})


def measurement(*models: MeasuredModel, **changes: object) -> Measurement:
    content: dict[str, object] = {
        "models": models,
        "data": None,
        "scale": "standard",
        "latency": LatencySpec(margin=0.05).model_dump(mode="json"),
        "latencies": (),
        "throughputs": (),
        "not_measured": (),
        "machine": {},
        "finished": "2025-01-02T03:04:05+00:00",
    }
    return Measurement.model_validate({**content, **changes})


def timed(name: str, reference: str, ratio: float = 1.0) -> LatencyRecord:
    return latency_record(architecture=name, reference=reference, sessions=slice_sessions(ratio))


@pytest.mark.parametrize(("hits", "trials"), [(0, 20), (20, 20), (1, 1), (339, 359), (5, 10_000)])
def test_the_interval_of_a_share_is_exact(hits: int, trials: int) -> None:
    expected = stats.binomtest(hits, trials).proportion_ci(0.95, method="exact")
    got = share_interval(hits, trials)
    assert (got.low, got.high) == pytest.approx((expected.low, expected.high), rel=1e-9)


def test_differences_are_paired_by_sample() -> None:
    first, second = [1, 1, 0, 0, 1, 0, 1, 1], [1, 1, 1, 0, 0, 1, 1, 1]  # two gained, one lost
    rows = describe_measurement(measurement(model("a", first), model("b", second))).rows
    assert rows[0].accuracy is not None
    assert (rows[0].accuracy.top1, rows[0].accuracy.difference) == (5 / 8, None)
    found = rows[1].accuracy
    assert found is not None
    assert found.difference == pytest.approx(1 / 8)
    expected = stats.ttest_rel(second, first).confidence_interval(0.95)
    assert found.difference_interval is not None
    assert (found.difference_interval.low, found.difference_interval.high) == pytest.approx(tuple(expected))


@pytest.mark.parametrize("right", [[1, 0, 1, 1], [1]])
def test_no_interval_where_nothing_differs(right: list[int]) -> None:
    found = describe_measurement(measurement(model("a", right), model("b", right))).rows[1].accuracy
    assert found is not None
    assert (found.difference, found.difference_interval) == (0.0, None)


def test_one_sample_has_no_interval() -> None:
    found = describe_measurement(measurement(model("a", [1]), model("b", [0]))).rows[1].accuracy
    assert found is not None
    assert (found.difference, found.difference_interval) == (-1.0, None)


def test_calibration_is_that_of_the_bins() -> None:
    # Right ones are told with 95 %, wrong ones with 60 %: in two bins that are off by 5 and by 60 points.
    found = describe_measurement(measurement(model("a", [1, 1, 1, 0]))).rows[0].accuracy
    assert found is not None
    assert found.ece == pytest.approx((3 * 0.05 + 0.60) / 4)


def test_without_data_there_is_no_accuracy() -> None:
    summary = describe_measurement(measurement(model("a"), model("b")))
    assert [row.accuracy for row in summary.rows] == [None, None]


def test_files_of_the_same_content_keep_their_own_timings() -> None:
    latencies = [timed("a", "a"), timed("copy", "a"), timed("slow", "a", 2.0)]
    found = describe_measurement(measurement(*map(model, ("a", "copy", "slow")), latencies=latencies))
    assert [len(each.timings) for each in found.deployed] == [1, 1, 1]
    first, copy, slow = (each.timings[0].ratio for each in found.deployed)
    assert first is None
    assert copy is not None
    assert slow is not None
    assert copy.low < 1 < copy.high
    assert 1.9 < slow.low < slow.estimate < slow.high < 2.1
    assert len(found.noise) == 1
