import math
from pathlib import Path

import numpy as np
import pytest
import torch

from kdbench.deploy.evaluate import cross_entropy, evaluate_onnx
from kdbench.deploy.export import export_onnx
from tests.deploy.networks import SHAPE, Resnet, trained


def test_cross_entropy_by_hand():
    # softmax(0, ln 3) = (1/4, 3/4)
    logits = np.array([[0, math.log(3)], [0, math.log(3)]], dtype=np.float32)
    expected = (math.log(4) + math.log(4 / 3)) / 2
    assert cross_entropy(logits, np.array([0, 1])) == pytest.approx(expected, rel=1e-6)


def test_cross_entropy_of_huge_logits_is_finite():
    logits = np.array([[1e4, -1e4]], dtype=np.float32)
    assert cross_entropy(logits, np.array([0])) == 0
    assert cross_entropy(logits, np.array([1])) == 2e4


@pytest.mark.parametrize("batch", [512, 7])
def test_it_agrees_with_torch(batch: int, tmp_path: Path, images):
    model = trained(Resnet(), seed=0).eval()
    labels = np.random.default_rng(1).integers(0, 10, size=64)
    export_onnx(model, SHAPE, tmp_path / "a.onnx")
    parts = [(images[at : at + batch], labels[at : at + batch]) for at in range(0, 64, batch)]
    result = evaluate_onnx(tmp_path / "a.onnx", lambda: parts)
    with torch.no_grad():
        logits = model(torch.from_numpy(images))
    loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(labels))
    assert result.loss == pytest.approx(loss.item(), rel=1e-5)
    assert result.correct.tolist() == (logits.argmax(1).numpy() == labels).tolist()
    assert result.samples == 64
    assert 0 < result.cpu_seconds < 5
