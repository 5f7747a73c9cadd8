"""Accuracy and loss of the exported file: the very artifact that is timed."""

import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kdbench.deploy.session import configure, open_session, predict
from kdbench.results import Evaluation, pack_bits

# Small networks pass a test split in a millisecond: too short to be timed once.
LEAST_CPU_SECONDS = 0.1


def evaluate_onnx(
    path: Path, images: NDArray[np.float32], labels: NDArray[np.int64], *, threads: int = 1, batch: int = 512
) -> Evaluation:
    """Run `images` [N, C, H, W] through the file on the CPU and compare with `labels` [N].

    `cpu_seconds` is the process's CPU time of one pass, over all threads: the mean of warm passes, loading apart.
    """
    session = open_session(path, configure("cpu", threads, batch=None))
    logits = predict(session, images, batch)  # the first pass also pays for memory and is not timed
    passes, began = 0, time.process_time()
    while passes == 0 or time.process_time() - began < LEAST_CPU_SECONDS:
        predict(session, images, batch)
        passes += 1
    cpu_seconds = (time.process_time() - began) / passes
    return Evaluation(
        samples=len(labels),
        correct_bits=pack_bits(logits.argmax(axis=1) == labels),
        loss=cross_entropy(logits, labels),
        cpu_seconds=cpu_seconds,
    )


def cross_entropy(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Mean of -log softmax at the label, in nats; `logits` [N, classes], `labels` [N]."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)  # exp cannot overflow
    log_total = np.log(np.exp(shifted).sum(axis=1))
    return float((log_total - shifted[np.arange(len(labels)), labels]).mean())
