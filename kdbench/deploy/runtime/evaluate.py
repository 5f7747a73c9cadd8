"""What exported files predict, and how well: the very artifacts that are timed."""

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import fmean

import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession

from kdbench.deploy.runtime.session import configure_cpu, open_session, predict, predict_in_full
from kdbench.results import Predictions, pack_bits
from kdbench.results.predictions import Agreement, ConfidenceBin
from kdbench.spec.pulse import beat
from kdbench.statistics.predictions import agreement, brier, calibration_bins, mean_kl, nll, softmax

# Small networks pass a test split in a millisecond: too short to be timed once.
LEAST_CPU_SECONDS = 0.1

Images = NDArray[np.float32]
Logits = NDArray[np.float32]
Labels = NDArray[np.int64]
Chunks = Iterable[tuple[Images, Labels]]


def predict_all(paths: Sequence[Path], chunks: Chunks, batch: int | None = None) -> tuple[list[Logits], Labels]:
    """The logits [N, classes] of several files on the same images [B, C, H, W], chunk by chunk on the CPU; the labels.

    Each chunk is made once. `batch` is the only batch size that the models take; none: any.
    """
    sessions = [open_session(path, configure_cpu()) for path in paths]
    found: list[list[Logits]] = [[] for _ in paths]
    true = []
    for images, labels in chunks:
        for session, logits in zip(sessions, found, strict=True):
            beat()
            logits.append(predict_in_full(session, images, batch) if batch else _run(session, images))
        true.append(labels)
    return [np.concatenate(logits) for logits in found], np.concatenate(true)


def predict_timed(paths: Sequence[Path], chunks: Callable[[], Chunks]) -> tuple[list[Logits], Labels, list[float]]:
    """The same, and of each file the process's CPU seconds of one pass through the network.

    `chunks()` gives the same samples each time. A time is the mean of warm passes, as many as together take 0.1 s;
    loading and the making of chunks are not in it.
    """
    sessions = [open_session(path, configure_cpu()) for path in paths]
    first = next(iter(chunks()))[0]
    for session in sessions:
        _run(session, first)  # the first run also pays for memory and is not timed
    passes: list[list[float]] = [[] for _ in paths]  # their seconds
    found: list[list[Logits]] = []
    true: list[Labels] = []
    while short := [i for i, seconds in enumerate(passes) if sum(seconds) < LEAST_CPU_SECONDS or not seconds]:
        for i in short:
            passes[i].append(0.0)
        for images, labels in chunks():
            outputs = []
            for i in short:
                beat()
                began = time.process_time()
                outputs.append(_run(sessions[i], images))
                passes[i][-1] += time.process_time() - began
            if len(passes[short[0]]) == 1:
                found.append(outputs)
                true.append(labels)
    logits = [np.concatenate(chunked) for chunked in zip(*found, strict=True)]
    return logits, np.concatenate(true), [fmean(seconds) for seconds in passes]


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
        most_common=int(np.bincount(labels).max()) if len(labels) else 0,
    )


def agree(student: Logits, teacher: Logits) -> Agreement:
    """A student's logits [N, classes] against its teacher's."""
    return Agreement(top1=agreement(student, teacher), kl=mean_kl(teacher, student))


def _run(session: InferenceSession, images: Images) -> Logits:
    return predict(session, images, len(images))
