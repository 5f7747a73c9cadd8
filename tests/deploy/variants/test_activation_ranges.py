import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from kdbench.deploy.variants.activation_ranges import NotFinite, activation_ranges, least_divergent, most_of


def doubled() -> onnx.ModelProto:
    """images -> twice = 2 x images -> logits = relu(twice), and a shape nobody quantizes."""
    nodes = [
        helper.make_node("Mul", ["images", "two"], ["twice"]),
        helper.make_node("Shape", ["twice"], ["shape"]),
        helper.make_node("Relu", ["twice"], ["logits"]),
    ]
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 1, 1, 4])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 1, 1, 4])
    two = numpy_helper.from_array(np.array(2, dtype=np.float32), "two")
    graph = helper.make_graph(nodes, "main", [images], [logits], [two])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


IMAGES = np.array([[-1, 0, 1, 3], [0, 1, -2, 1]], dtype=np.float32).reshape(2, 1, 1, 4)


def test_the_least_and_the_largest_of_all_images() -> None:
    expected = {"images": (-2, 3), "twice": (-4, 6), "logits": (0, 6)}
    assert activation_ranges(doubled(), IMAGES, "minmax") == expected
    assert activation_ranges(doubled(), IMAGES[::-1], "minmax") == expected


def test_outliers_are_left_out_on_both_sides() -> None:
    # 400,000 values within 1, and one of 100: the limit keeps 99.999 % of them, thus leaves out up to four.
    images = np.random.default_rng(0).uniform(-1, 1, size=(100_000, 1, 1, 4)).astype(np.float32)
    few = images[:100].copy()
    few[3, 0, 0, 2] = 100
    # 400 values: one of them is .25 %, more than may be left out.
    assert activation_ranges(doubled(), few, "percentile")["images"][1] == 100
    counts = np.zeros(2048, dtype=np.int64)
    counts[:21], counts[2047] = 400_000 // 21 + 1, 1
    assert most_of(counts) == 21


def test_most_of_takes_the_bin_that_reaches_the_share() -> None:
    counts = np.zeros(2048, dtype=np.int64)
    counts[0], counts[7], counts[2047] = 99_998, 1, 1  # of 100,000: 99,999 are reached in bin 7
    assert most_of(counts) == 8
    counts[7], counts[9] = 0, 1
    assert most_of(counts) == 10


@pytest.mark.parametrize("calibration", ["percentile", "entropy"])
def test_what_is_zero_everywhere_keeps_its_range(calibration: str) -> None:
    zeros = np.zeros((2, 1, 1, 4), dtype=np.float32)
    assert activation_ranges(doubled(), zeros, calibration)["logits"] == (0, 0)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [np.nan, np.inf, 3e38])  # the last overflows when it is doubled
def test_what_is_not_finite_is_named(value: float) -> None:
    images = IMAGES.copy()
    images[1, 0, 0, 1] = value
    with pytest.raises(NotFinite, match="'twice'" if value == 3e38 else "'images'"):
        activation_ranges(doubled(), images, "minmax")


def naive(counts: NDArray[np.int64]) -> int:
    """The pseudocode of Migacz 2017, slides 28 to 30, in loops; an empty bin that gets outliers is no candidate."""
    counts = counts.copy()
    counts[0] = counts[1]
    divergences = {}
    for size in range(128, len(counts) + 1):
        true = [float(count) for count in counts[:size]]
        true[-1] += counts[size:].sum()
        group = size // 128
        coarse = [0.0] * size
        for level in range(128):
            members = range(level * group, (level + 1) * group if level < 127 else size)
            filled = [i for i in members if true[i] > 0]
            for i in filled:
                coarse[i] = sum(int(counts[j]) for j in members) / len(filled)
        if any(p > 0 and q == 0 for p, q in zip(true, coarse, strict=True)):
            continue
        whole = sum(coarse)
        divergences[size] = sum(
            p / sum(true) * np.log(p / sum(true) / (q / whole)) for p, q in zip(true, coarse, strict=True) if p > 0
        )
    return min(divergences, key=lambda size: divergences[size])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_least_divergent_limit_is_that_of_the_published_loop(seed: int) -> None:
    draw = np.random.default_rng(seed)
    values = np.abs(draw.standard_t(4, size=3000))
    counts, _ = np.histogram(values, 300, range=(0, values.max()))
    counts[0] += 5000  # as ReLU leaves them
    assert least_divergent(counts) == naive(counts)
    assert least_divergent(counts) < 300, "a long tail is cut"


def test_zeros_decide_nothing() -> None:
    values = np.abs(np.random.default_rng(0).normal(size=20_000))
    counts, _ = np.histogram(values, 1000, range=(0, values.max()))
    many = counts.copy()
    many[0] += 20_000  # as many as ReLU makes
    assert least_divergent(many) == least_divergent(counts) > 300


def test_a_range_that_is_used_evenly_is_kept() -> None:
    assert least_divergent(np.full(256, 10)) == 256
