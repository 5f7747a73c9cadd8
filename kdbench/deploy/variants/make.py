"""A deployed variant of an exported model: one self-contained ONNX file, with the same input and output.

`quantize.py` makes the graphs, and has the measurements behind its choices.
"""

import contextlib
import hashlib
import io
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as runtime_errors

from kdbench.deploy.graph.contents import architecture_of, operators_of, opset_of
from kdbench.deploy.variants.activation_ranges import NotFinite, activation_ranges
from kdbench.deploy.variants.quantize import fold, halve, quantize_all, quantize_linear
from kdbench.results import DriftFacts, ModelFacts
from kdbench.spec.variants import Converted, Fp16, Fp32, Int8Dynamic, Int8Static

Images = NDArray[np.float32]
Logits = NDArray[np.float32]

_FAILURES = (
    NotFinite, ValueError, RuntimeError, KeyError, onnx.checker.ValidationError, runtime_errors.Fail,
    runtime_errors.InvalidGraph, runtime_errors.InvalidArgument, runtime_errors.NotImplemented,
    runtime_errors.RuntimeException,
)  # fmt: skip


class VariantError(Exception):
    """The model has no such variant; the text says why."""


def make_variant(variant: Converted, source: Path, target: Path, calibration_images: Images) -> None:
    """Write the variant, resolved for a processor, of the exported model in `source` to `target`.

    `calibration_images` [N, C, H, W]: normalized training images. Static quantization uses the first
    `variant.samples`, or all where they are fewer; their order does not matter. The same input gives the same bytes on
    one machine; on another, the last bits of the calibrated ranges may differ. Dynamic quantization scales a whole
    batch, so the logits of an image depend on the other images of its batch. Raises `VariantError`.
    """
    if isinstance(variant, Fp32):
        target.write_bytes(source.read_bytes())
        return
    try:
        with _silence():
            model = _make(variant, fold(source), calibration_images)
            onnx.checker.check_model(model)
    except _FAILURES as error:
        raise VariantError(f"no {variant.label}: {str(error).strip().partition(chr(10))[0]}") from error
    target.write_bytes(model.SerializeToString(deterministic=True))


def _make(variant: Fp16 | Int8Dynamic | Int8Static, model: onnx.ModelProto, images: Images) -> onnx.ModelProto:
    if isinstance(variant, Fp16):
        return halve(model)
    if isinstance(variant, Int8Dynamic):
        return quantize_linear(variant, model)
    chosen = images[: variant.samples]
    if not len(chosen):
        raise ValueError("there are no images to calibrate with")
    return quantize_all(variant, model, activation_ranges(model, chosen, variant.calibration))


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Nothing is printed or logged: onnxruntime's quantizer does both, and its advice is followed here."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(before)


def variant_facts(exported: ModelFacts, path: Path) -> ModelFacts:
    """Facts of the variant in `path`; parameters, FLOPs and weights are those of the exported model."""
    content = path.read_bytes()
    model = onnx.load_model_from_string(content)
    return exported.model_copy(
        update={
            "architecture": architecture_of(model),
            "onnx_bytes": len(content),
            "onnx_sha256": hashlib.sha256(content).hexdigest(),
            "operators": operators_of(model),
            "opset": opset_of(model),
        }
    )


def drift(reference: Logits, got: Logits) -> DriftFacts:
    """Compare logits [N, classes] of the exported model and of a variant. Raises `VariantError`."""
    if reference.shape != got.shape:
        raise VariantError(f"the variant gives logits of shape {got.shape}, the exported model {reference.shape}")
    if not np.isfinite(got).all():
        raise VariantError("the variant gives logits that are not finite: its numbers are too small for the model's")
    spread = float(reference.std())
    if not spread > 0:
        raise VariantError("the exported model's logits are all the same, or not finite: nothing to compare with")
    flips = int((reference.argmax(axis=1) != got.argmax(axis=1)).sum())
    return DriftFacts(largest=float(np.abs(reference - got).max()) / spread, flips=flips, samples=len(reference))
