"""What exported files predict, and how well: the very artifacts that are timed."""

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession

from kdbench.deploy.runtime.session import configure_cpu, open_session, predict, predict_in_full
from kdbench.results import Evaluation, pack_bits
from kdbench.results.records import Agreement, ConfidenceBin, Predictions
from kdbench.statistics.predictions import agreement, brier, calibration_bins, mean_kl, nll, softmax

# Small networks pass a test split in a millisecond: too short to be timed once.
LEAST_CPU_SECONDS = 0.1

Images = NDArray[np.float32]
Logits = NDArray[np.float32]
Labels = NDArray[np.int64]
Chunks = Callable[[], Iterable[tuple[Images, Labels]]]


def evaluate_onnx(path: Path, chunks: Chunks, *, threads: int = 1) -> tuple[Evaluation, Logits]:
    """Run images [B, C, H, W] chunk by chunk through the file on the CPU, and hold its logits against labels [B].

    `chunks()` gives the same samples each time. `cpu_seconds` is the process's CPU time of one pass through the
    network, over all threads: the mean of warm passes, loading and the making of chunks apart.
    """
    session = open_session(path, configure_cpu(threads))
    _run(session, next(iter(chunks()))[0])  # the first run also pays for memory and is not timed
    passes, seconds = 0, 0.0
    while passes == 0 or seconds < LEAST_CPU_SECONDS:
        found, true = [], []
        for images, labels in chunks():
            began = time.process_time()
            found.append(_run(session, images))
            seconds += time.process_time() - began
            true.append(labels)
        passes += 1
    logits, labels = np.concatenate(found), np.concatenate(true)
    return Evaluation(**dict(score(logits, labels)), cpu_seconds=seconds / passes), logits


def predict_all(
    paths: Sequence[Path], chunks: Iterable[tuple[Images, Labels]], batch: int | None = None
) -> tuple[list[Logits], Labels]:
    """The logits of several files on the same samples, and the labels of these: each chunk is made once.

    `batch` is the only batch size that the models take; none: any.
    """
    sessions = [open_session(path, configure_cpu()) for path in paths]
    found: list[list[Logits]] = [[] for _ in paths]
    true = []
    for images, labels in chunks:
        for session, logits in zip(sessions, found, strict=True):
            logits.append(predict_in_full(session, images, batch) if batch else _run(session, images))
        true.append(labels)
    return [np.concatenate(logits) for logits in found], np.concatenate(true)


def score(logits: Logits, labels: Labels) -> Predictions:
    """Logits [N, classes] against labels [N]."""
    probabilities = softmax(logits)
    bins = calibration_bins(probabilities, labels)
    columns = zip(bins.counts, bins.confidence_sums, bins.correct_counts, strict=True)
    return Predictions(
        samples=len(labels),
        correct_bits=pack_bits(logits.argmax(axis=1) == labels),
        loss=nll(logits, labels),
        brier=brier(probabilities, labels),
        confidence=tuple(ConfidenceBin(count=n, confidence=sure, correct=right) for n, sure, right in columns),
    )


def agree(student: Logits, teacher: Logits) -> Agreement:
    """A student's logits [N, classes] against its teacher's."""
    return Agreement(top1=agreement(student, teacher), kl=mean_kl(teacher, student))


def _run(session: InferenceSession, images: Images) -> Logits:
    return predict(session, images, len(images))
