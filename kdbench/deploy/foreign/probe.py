"""Opens an ONNX file and runs it once, in a process of its own: a file from elsewhere may take the process down.

`python -m kdbench.deploy.foreign.probe FILE SHAPE CALL SECONDS` writes one line of JSON to stdout, or is ended after so
many seconds, also where whoever asked is gone, or where the first call takes more than CALL seconds of CPU time. SHAPE:
the input's as a JSON list, null for a batch of any size; null instead of a list: open only. No torch.
"""

import json
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import onnxruntime as ort

from kdbench.deploy.runtime.dependence import Images, Logits, dependence

BATCH = 8  # where any will do
FURTHER = 100  # times the first call that all others may take: they have some 32 images


def probe(path: str, shape: list[int | None] | None, seconds: float) -> dict[str, Any]:
    """`outputs` by name, and the `batch` that ran (none: nothing did); or the `error`, as onnxruntime words it.

    SIGPROF ends this process where the first call takes more than so many seconds of CPU time.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        if shape is None:
            outputs = [{"name": o.name, "type": o.type, "shape": o.shape} for o in session.get_outputs()]
            return {"batch": None, "outputs": outputs}
    except Exception as error:  # onnxruntime's exceptions have no base of their own
        return {"stage": "open", "error": str(error)}
    problem = ""
    with _at_most(seconds):
        took = _first_call(session, [shape[0] or 1, *shape[1:]])
    with _at_most(seconds + FURTHER * (seconds if took is None else took)):
        for batch in [BATCH, 1] if shape[0] is None else [shape[0]]:  # some exporters fix the batch of 1 that they saw
            try:
                return {"batch": batch, "outputs": _run(session, [batch, *shape[1:]], least=shape[0] or 1)}
            except Exception as error:
                problem = problem or str(error)
    return {"stage": "run", "error": problem}


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """A limit of CPU time, which holds within native code too."""
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _first_call(session: ort.InferenceSession, shape: list[Any]) -> float | None:
    """Seconds of CPU time; None where no such batch is taken."""
    began = time.process_time()
    try:
        session.run(None, {session.get_inputs()[0].name: _images(shape)})
    except Exception:
        return None
    return time.process_time() - began


def _images(shape: list[Any]) -> Images:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def _run(session: ort.InferenceSession, shape: list[Any], least: int) -> list[dict[str, Any]]:
    source, images = session.get_inputs()[0].name, _images(shape)
    found = []
    for output, value in zip(session.get_outputs(), session.run(None, {source: images}), strict=True):
        entry = {"name": output.name, "type": output.type, "shape": list(np.shape(value))}
        if output.type == "tensor(float)":
            sums = value.sum(axis=-1, dtype=np.float64) if value.ndim else value
            entry["finite"] = bool(np.isfinite(value).all())
            entry["probabilities"] = bool(value.size and value.min() >= 0 and np.allclose(sums, 1, atol=1e-3))
            if entry["finite"] and value.size and value.ndim == 2 and len(value) == len(images):
                entry["depends"] = dependence(_predictor(session, source, output.name), images, value, least)
        found.append(entry)
    return found


def _predictor(session: ort.InferenceSession, source: str, target: str) -> Callable[[Images], Logits]:
    return lambda images: session.run([target], {source: np.ascontiguousarray(images)})[0]


if __name__ == "__main__":
    file, shape, call, seconds = sys.argv[1:]
    signal.alarm(int(seconds))
    sys.stdout.write(json.dumps(probe(file, json.loads(shape), float(call))) + "\n")
