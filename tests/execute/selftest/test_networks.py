"""Chains of layers: the work that they are said to do, by ONNX Runtime's and our own reading of them."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from kdbench.execute.selftest.networks import CHANNELS, SHAPE, layers_of, write_chain


@pytest.mark.parametrize(("work", "layers"), [(1.0, 100), (1.05, 105), (1.1, 110), (2.0, 200)])
def test_work_is_a_share_of_layers(work: float, layers: int, tmp_path: Path) -> None:
    write_chain(tmp_path / "chain.onnx", work)
    found = onnx.load(tmp_path / "chain.onnx")
    onnx.checker.check_model(found, full_check=True)
    assert [node.op_type for node in found.graph.node].count("Conv") == layers == layers_of(work)


def test_activations_neither_vanish_nor_grow(tmp_path: Path) -> None:
    """Numbers under 1e-38 would be slow, and the extra layers slower than the others."""
    write_chain(tmp_path / "chain.onnx", 2.0)
    images = np.random.default_rng(0).standard_normal((4, *SHAPE), dtype=np.float32)
    (logits,) = ort.InferenceSession(tmp_path / "chain.onnx").run(None, {"input": images})
    assert logits.shape == (4, CHANNELS)
    assert 1e-20 < np.abs(logits).max() < 1e6


def test_the_same_file_each_time(tmp_path: Path) -> None:
    for name in "ab":
        write_chain(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
