"""The fidelity benchmarks: what they measure shows where a loop differs, and their ratios are right by hand."""

import time
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper, save

from benchmarks.fidelity import inside
from benchmarks.fidelity.analysis import Ratio, ratios
from benchmarks.fidelity.bare import time_alone
from benchmarks.fidelity.page import TABLES
from benchmarks.presentation import fill
from kdbench.deploy.timing.calls import Call, caller

WIDTH = 512


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A product of matrices, images [batch, 1, 16, 32] to logits [batch, 512]."""
    path = tmp_path_factory.mktemp("fidelity") / "network.onnx"
    weights = np.random.default_rng(0).normal(size=(WIDTH, WIDTH)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("Flatten", ["images"], ["flat"]), helper.make_node("MatMul", ["flat", "w"], ["logits"])],
        "network",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 1, 16, 32])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", WIDTH])],
        [numpy_helper.from_array(weights, "w")],
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    return path


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(16, 1, 16, 32)).astype(np.float32)


def over(found: dict[str, list[float]], own: str, other: str) -> float:
    return float(np.median(np.divide(found[own], found[other])))


def test_all_loops_of_a_process_are_timed(network: Path, images: np.ndarray) -> None:
    found = inside.measure(network, images, slices=4)
    assert set(found) == {f"{loop}_per_call" for loop in ("kdbench", "clocked", "bare")} | {
        "kdbench_p50",
        "clocked_p50",
    }
    assert {len(values) for values in found.values()} == {4}
    assert all(value > 0 for values in found.values() for value in values)


@pytest.mark.alone
def test_a_loop_that_clocks_more_than_the_call_is_found_out(
    network: Path, images: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(*given: object) -> Call:
        call = caller(*given)  # type: ignore[arg-type]

        def doubled() -> int:
            return call() + call()

        return doubled

    monkeypatch.setattr(inside, "caller", slow)
    found = inside.measure(network, images, slices=12)
    assert over(found, "kdbench_p50", "clocked_p50") > 1.3  # two calls in the place of one; the machine is shared
    assert over(found, "kdbench_per_call", "bare_per_call") > 1.3


def test_a_bare_process_tells_its_sessions(network: Path, images: np.ndarray) -> None:
    told = time_alone(network, images, sessions=3, seconds=0.02)
    assert len(told["session_p50"]) == 3
    assert min(told["session_p50"]) <= told["p50"] <= max(told["session_p50"])


@pytest.mark.alone
def test_loadgen_clocks_the_system_under_test() -> None:
    pytest.importorskip("mlperf_loadgen", reason="MLPerf LoadGen is not installed: `make bench-latency` installs it")
    from mlperf_loadgen import QuerySampleResponse, QuerySamplesComplete

    from benchmarks.fidelity.loadgen import single_stream

    asked = count()

    def spin(samples: list) -> None:
        next(asked)
        end = time.perf_counter_ns() + 300_000
        while time.perf_counter_ns() < end:
            pass
        QuerySamplesComplete([QuerySampleResponse(samples[0].id, 0, 0)])

    found = single_stream(spin, samples=16, seconds=0.05, expected_nanoseconds=300_000)
    assert 300 <= found < 600
    assert next(asked) >= 64


def test_the_median_of_loadgens_summary() -> None:
    pytest.importorskip("mlperf_loadgen", reason="MLPerf LoadGen is not installed: `make bench-latency` installs it")
    from benchmarks.fidelity.loadgen import median_of

    text = "Mean latency (ns)               : 3112505\n50.00 percentile latency (ns)   : 1651172\n"
    assert median_of(text) == pytest.approx(1651.172)
    with pytest.raises(ValueError, match="no median"):
        median_of("Result is : INVALID\n")


CONTENT = {
    "networks": {"medium": "a network"},
    "versions": {"onnxruntime": "1.31.1", "mlcommons-loadgen": None},
    "machine": {"cpu": "a processor", "affinity": [0, 1], "hypervisor": True, "python": "3.11.7", "versions": {}},
    "units": {
        "inside/medium/0": {
            "kdbench_p50": [100.0, 103.0, 150.0],
            "clocked_p50": [100.0, 100.0, 100.0],  # ratios 1.00, 1.03, 1.50: median 1.03
            "kdbench_per_call": [101.0, 101.0, 101.0],
            "bare_per_call": [100.0, 101.0, 50.0],  # 1.01, 1.00, 2.02: median 1.01
            "load_average": [0.5],
            "kdbench_commit": "abc",
        },
        "inside/medium/1": {
            "kdbench_p50": [99.0],
            "clocked_p50": [100.0],
            "kdbench_per_call": [100.5],
            "bare_per_call": [100.0],
            "load_average": [1.5],
            "kdbench_commit": "abc",
        },
        "loadgen/medium/0": {
            "kdbench": [100.0, 100.0],
            "loadgen": [110.0, 130.0],
            "idle": [2.0, 2.0],
            "busy": [10.0, 5.0],
            "within": [100.0, 125.0],
            "load_average": [1.0],
            "kdbench_commit": None,
        },
    },
}


def test_ratios_by_hand() -> None:
    found = {one.what: one for one in ratios(CONTENT)}
    same = found["median / bare loop's, same process"]
    assert same.values == pytest.approx((1.03, 0.99))
    assert same.median == pytest.approx(1.01)
    assert same.microseconds == 101.5  # of 99, 100, 103, 150
    assert same.met == "in the median"  # 1.03 is beyond 2 %
    whole = found["whole time per call / unclocked loop's"]
    assert whole.values == pytest.approx((1.01, 1.005))
    assert whole.met == "yes"
    # 100/110 and 100/130; 100/108 and 100/128; 100/100 and 100/125; 100/100 and 100/125
    expected = {"as it is": 0.8392, "less a no-op's": 0.8536, "less a no-op's beside the network": 0.9}
    for text, value in expected.items():
        assert found[f"median / LoadGen's {text}"].median == pytest.approx(value, abs=1e-4)
    assert found["median / the network's alone, within LoadGen's queries"].median == pytest.approx(0.9)
    assert found["median / LoadGen's less a no-op's beside the network"].met == "no"
    assert "worker's median / bare process's" not in found  # not measured


@pytest.mark.parametrize(
    ("values", "met"),
    [((0.99, 1.0, 1.019), "yes"), ((0.97, 1.0, 1.03), "in the median"), ((0.9, 0.95, 1.0), "no")],
)
def test_a_goal_has_two_ends(values: tuple[float, ...], met: str) -> None:
    assert Ratio("", "", 1.0, values, low=0.98, high=1.02).met == met


def test_the_tables() -> None:
    page = "<!-- table: fidelity -->\nold\n<!-- end -->\n<!-- table: measured-on -->\n<!-- end -->\n"
    filled = fill(page, TABLES, CONTENT, "make bench-latency")
    row = "| medium: a network | median / bare loop's, same process | 101.5 | 1.0100 | 0.9900 to 1.0300 | 2 | 0.98 to 1.02 |"
    assert row in filled
    assert "a processor (2 cores in use, virtual) with Python 3.11.7, onnxruntime 1.31.1;" in filled
    assert "commit abc, unknown; load average 0.5 to 1.5 before a unit." in filled.replace("\n", " ")
    assert fill(page, TABLES, {"units": {}}, "make bench-latency").count("Not measured yet: `make bench-latency`.") == 2
