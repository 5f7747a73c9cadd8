"""What exported files predict: against torch, scikit-learn and by hand."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, log_loss

from kdbench.deploy.export.export import export_onnx
from kdbench.deploy.runtime import evaluate
from kdbench.deploy.runtime.evaluate import agree, predict_all, predict_timed, score
from tests.deploy.networks import SHAPE, Resnet, cnn, trained

LN3, LN9 = math.log(3), math.log(9)


def logits_of(*rows) -> np.ndarray:
    return np.array(rows, dtype=np.float32)


def test_a_score_by_hand() -> None:
    # Probabilities (.25, .75), (.25, .75), (.9, .1); labels 1, 0, 0: right, wrong, right
    found = score(logits_of((0, LN3), (0, LN3), (LN9, 0)), np.array([1, 0, 0]))
    assert found.most_common == 2
    assert found.correct.tolist() == [True, False, True]
    assert found.top1 == pytest.approx(2 / 3)
    assert found.loss == pytest.approx(-(math.log(0.75) + math.log(0.25) + math.log(0.9)) / 3)
    # Squared distances 2 x .0625, 2 x .5625, 2 x .01
    assert found.brier == pytest.approx((0.125 + 1.125 + 0.02) / 3)
    # 15 bins: .75 lies in (11/15, 12/15], .9 in (13/15, 14/15]
    bins = {place: (b.count, b.confidence, b.correct) for place, b in enumerate(found.confidence) if b.count}
    assert bins == {11: (2, pytest.approx(1.5), 1), 13: (1, pytest.approx(0.9), 1)}
    assert len(found.confidence) == 15


def test_a_score_against_scikit_learn() -> None:
    random = np.random.default_rng(0)
    logits = random.normal(scale=3, size=(500, 7)).astype(np.float32)
    labels = random.integers(7, size=500)
    probabilities = torch.softmax(torch.from_numpy(logits).double(), dim=1).numpy()
    found = score(logits, labels)
    assert found.samples == 500
    assert found.top1 == accuracy_score(labels, logits.argmax(axis=1))
    assert found.loss == pytest.approx(log_loss(labels, probabilities, labels=range(7)))
    one_hot = np.eye(7)[labels]
    assert found.brier == pytest.approx(((probabilities - one_hot) ** 2).sum() / 500)
    assert sum(b.count for b in found.confidence) == 500
    assert sum(b.correct for b in found.confidence) == int(found.correct.sum())
    assert sum(b.confidence for b in found.confidence) == pytest.approx(probabilities.max(axis=1).sum())


def test_huge_logits_are_scored() -> None:
    found = score(logits_of((1e4, -1e4), (1e4, -1e4)), np.array([0, 1]))
    assert found.loss == 1e4  # 0 and 20,000
    assert found.brier == 1.0


def test_agreement_by_hand() -> None:
    student, teacher = logits_of((0, 0), (0, LN3)), logits_of((0, LN3), (0, LN3))
    found = agree(student, teacher)
    assert found.top1 == 0.5  # of a tie, the first class counts
    # KL((.25, .75) || (.5, .5)) = .25 ln .5 + .75 ln 1.5; and 0
    assert found.kl == pytest.approx((0.25 * math.log(0.5) + 0.75 * math.log(1.5)) / 2)


def test_the_divergence_is_from_the_teacher_to_the_student() -> None:
    student, teacher = logits_of((0, LN9)), logits_of((0, LN3))
    # KL((.25, .75) || (.1, .9)) = .25 ln 2.5 + .75 ln (.75 / .9)
    assert agree(student, teacher).kl == pytest.approx(0.25 * math.log(2.5) + 0.75 * math.log(0.75 / 0.9))
    assert agree(teacher, teacher).kl == 0
    assert agree(teacher, teacher).top1 == 1


@pytest.mark.parametrize("batch", [512, 7])
def test_it_agrees_with_torch(batch: int, tmp_path: Path, images) -> None:
    model = trained(Resnet(), seed=0).eval()
    labels = np.random.default_rng(1).integers(0, 10, size=64)
    export_onnx(model, SHAPE, tmp_path / "a.onnx")
    parts = [(images[at : at + batch], labels[at : at + batch]) for at in range(0, 64, batch)]
    (found,), true, (cpu_seconds,) = predict_timed([tmp_path / "a.onnx"], lambda: parts)
    result = score(found, true)
    with torch.no_grad():
        logits = model(torch.from_numpy(images))
    loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(labels))
    np.testing.assert_allclose(found, logits.numpy(), atol=1e-4)
    assert result.loss == pytest.approx(loss.item(), rel=1e-5)
    assert result.correct.tolist() == (logits.argmax(1).numpy() == labels).tolist()
    assert result.samples == 64
    assert 0 < cpu_seconds < 5


def test_several_files_see_each_chunk_once(tmp_path: Path, images) -> None:
    files = []
    for seed in (1, 2):
        files.append(tmp_path / f"{seed}.onnx")
        export_onnx(trained(cnn(), seed=seed), SHAPE, files[-1])
    labels = np.arange(64) % 10
    made = []

    def chunks():
        for at in range(0, 64, 24):
            made.append(at)
            yield images[at : at + 24], labels[at : at + 24]

    both, true = predict_all(files, chunks())
    assert made == [0, 24, 48]
    assert true.tolist() == labels.tolist()
    for path, logits in zip(files, both, strict=True):
        (alone,), _, _ = predict_timed([path], lambda: [(images, labels)])
        np.testing.assert_allclose(logits, alone, atol=1e-5)
    assert np.abs(both[0] - both[1]).max() > 0.1


def test_files_are_timed_apart_and_each_for_as_many_passes_as_it_takes(tmp_path: Path, images, monkeypatch) -> None:
    files = [tmp_path / "small.onnx", tmp_path / "large.onnx"]
    for file, model in zip(files, (cnn(), Resnet()), strict=True):
        export_onnx(trained(model, seed=0), SHAPE, file)
    clock = iter(range(10**6))  # two readings a run: each run takes one second
    monkeypatch.setattr(evaluate.time, "process_time", lambda: next(clock))
    monkeypatch.setattr(evaluate, "LEAST_CPU_SECONDS", 5.0)
    chunks = [(images[:32], np.arange(32)), (images[32:], np.arange(32))]
    logits, labels, seconds = predict_timed(files, lambda: chunks)
    assert seconds == [2.0, 2.0]  # of a pass in two chunks; three passes take 6 s
    assert [found.shape for found in logits] == [(64, 10)] * 2
    assert labels.tolist() == [*range(32), *range(32)]
    np.testing.assert_array_equal(logits[0], predict_all(files, chunks)[0][0])
