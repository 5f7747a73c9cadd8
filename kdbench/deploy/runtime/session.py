"""Opening ONNX Runtime sessions in one way everywhere, with every option declared. No torch."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from kdbench.deploy.runtime import BATCH
from kdbench.deploy.runtime.plugins import NoDevice, device_of
from kdbench.deploy.runtime.providers import DEVICES, PROVIDERS, WHOLE_MODEL, has_plugin, why_missing
from kdbench.results.machine.facts import affinity
from kdbench.spec import How, Record


class CannotMeasure(Exception):
    """This machine or this onnxruntime cannot run what was asked for; the text says why."""


class SessionConfig(Record):
    """Every option of a session, as applied and as recorded."""

    provider: str  # short name
    provider_options: dict[str, str]
    intra_op_num_threads: int
    inter_op_num_threads: int = 1
    graph_optimization_level: str = "all"
    execution_mode: str = "sequential"
    entries: dict[str, str]
    free_dimensions: dict[str, int]


def configure(how: How, dimensions: Sequence[str] = (BATCH,)) -> SessionConfig:
    """The options for one way of timing: the batch size is fixed, in dimensions of these names."""
    fixed = dict.fromkeys(dimensions, how.batch)
    return _configure(how.provider, how.threads, fixed, spinning=how.spinning, graph=how.path == "graph")


def configure_cpu(threads: int = 1) -> SessionConfig:
    """The options for predictions on the CPU, of any batch size."""
    return _configure("cpu", threads, {})


def _configure(
    provider: str, threads: int, fixed: dict[str, int], *, spinning: bool = False, graph: bool = False
) -> SessionConfig:
    spin = str(int(spinning))
    entries = {"session.intra_op.allow_spinning": spin, "session.inter_op.allow_spinning": spin}
    options = {}
    if graph:
        options["enable_cuda_graph"] = "1"
    if provider in WHOLE_MODEL:
        entries["session.disable_cpu_ep_fallback"] = "1"
    if provider == "cuda":
        # The default searches exhaustively at the first run of every shape, and may pick another algorithm each time.
        options["cudnn_conv_algo_search"] = "HEURISTIC"
    if provider == "openvino":
        options["num_of_threads"] = str(threads)  # it has threads of its own
    return SessionConfig(
        provider=provider,
        provider_options=options,
        intra_op_num_threads=threads,
        entries=entries,
        free_dimensions=fixed,
    )


def why_impossible(provider: str, threads: int) -> str | None:
    """Why this machine and installation cannot even try, or None where they can."""
    available = ort.get_available_providers()
    if PROVIDERS[provider] not in available and not has_plugin(provider):
        return why_missing(provider, available)
    if threads > len(affinity()):
        return f"{threads} threads were asked for, and this process may use {len(affinity())} cores"
    return None


def open_session(onnx: Path, config: SessionConfig) -> ort.InferenceSession:
    """A session on the provider asked for. Raises `CannotMeasure` where it is not there or did not load."""
    name = PROVIDERS[config.provider]
    if reason := why_impossible(config.provider, config.intra_op_num_threads):
        raise CannotMeasure(reason)
    if config.provider in DEVICES and hasattr(ort, "preload_dlls"):
        ort.preload_dlls()  # finds CUDA and cuDNN in Python packages
    options, given = _options(config), config.provider_options
    if name in ort.get_available_providers():
        session = ort.InferenceSession(str(onnx), options, providers=[(name, given)])
    else:
        try:
            options.add_provider_for_devices([device_of(config.provider)], given)
        except NoDevice as why:
            raise CannotMeasure(str(why)) from why
        session = ort.InferenceSession(str(onnx), options)
    # Where a provider fails to load, ONNX Runtime raises nothing and runs on the CPU.
    if session.get_providers()[0] != name:
        raise CannotMeasure(f"{name} did not load: onnxruntime fell back to {session.get_providers()[0]}")
    return session


def _options(config: SessionConfig) -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.intra_op_num_threads = config.intra_op_num_threads
    options.inter_op_num_threads = config.inter_op_num_threads
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3  # errors; they come as exceptions too
    for key, value in config.entries.items():
        options.add_session_config_entry(key, value)
    for dimension, size in config.free_dimensions.items():
        options.add_free_dimension_override_by_name(dimension, size)
    return options


def ends_of(session: ort.InferenceSession) -> tuple[str, str]:
    """The names of the input and of the logits: of several outputs, the first of floats in two dimensions."""
    outputs = session.get_outputs()
    able = (output.name for output in outputs if len(output.shape) == 2 and output.type == "tensor(float)")
    return session.get_inputs()[0].name, next(able, outputs[0].name)


def predict(session: ort.InferenceSession, images: NDArray[np.float32], batch: int) -> NDArray[np.float32]:
    """Logits [N, classes], float32, of images [N, C, H, W], float32, in chunks of at most `batch`."""
    return np.concatenate([_run(session, images[at : at + batch]) for at in range(0, len(images), batch)])


def predict_in_full(session: ort.InferenceSession, images: NDArray[np.float32], batch: int) -> NDArray[np.float32]:
    """The same for a model that takes batches of one size alone: the last one is filled up with zeros."""
    missing = -len(images) % batch
    filled = np.concatenate((images, np.zeros((missing, *images.shape[1:]), dtype=images.dtype)))
    return predict(session, filled, batch)[: len(images)]


def _run(session: ort.InferenceSession, images: NDArray[np.float32]) -> NDArray[np.float32]:
    source, target = ends_of(session)
    logits: NDArray[np.float32] = session.run([target], {source: np.ascontiguousarray(images)})[0]
    return logits
