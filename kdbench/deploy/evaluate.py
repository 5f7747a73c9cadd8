"""Accuracy and loss of the exported file: the very artifact that is timed."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession

from kdbench.deploy.session import configure, open_session, predict
from kdbench.results import Evaluation, pack_bits

# Small networks pass a test split in a millisecond: too short to be timed once.
LEAST_CPU_SECONDS = 0.1

Images = NDArray[np.float32]
Labels = NDArray[np.int64]
Chunks = Callable[[], Iterable[tuple[Images, Labels]]]


def evaluate_onnx(path: Path, chunks: Chunks, *, threads: int = 1) -> Evaluation:
    """Run images [B, C, H, W] chunk by chunk through the file on the CPU and compare with their labels [B].

    `chunks()` gives the same samples each time. `cpu_seconds` is the process's CPU time of one pass through the
    network, over all threads: the mean of warm passes, loading and the making of chunks apart.
    """
    session = open_session(path, configure("cpu", threads, batch=None))
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
    return Evaluation(
        samples=len(labels),
        correct_bits=pack_bits(logits.argmax(axis=1) == labels),
        loss=cross_entropy(logits, labels),
        cpu_seconds=seconds / passes,
    )


def _run(session: InferenceSession, images: Images) -> Images:
    return predict(session, images, len(images))


def cross_entropy(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Mean of -log softmax at the label, in nats; `logits` [N, classes], `labels` [N]."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)  # exp cannot overflow
    log_total = np.log(np.exp(shifted).sum(axis=1))
    return float((log_total - shifted[np.arange(len(labels)), labels]).mean())
