"""Whether the exported file computes what the module computes: torch against ONNX Runtime on real samples."""

from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from kdbench.deploy.export.frozen import frozen_copy
from kdbench.deploy.runtime.dependence import dependence
from kdbench.deploy.runtime.session import configure_cpu, open_session, predict
from kdbench.results import ParityFacts

RELATIVE_TOLERANCE = 1e-4  # of the standard deviation of the logits; CPU, float32
BATCH = 256


class ParityError(Exception):
    """The exported model is not the trained one; the text gives the figures."""


def check_parity(model: nn.Module, onnx_path: Path, images: Tensor | NDArray[np.float32]) -> ParityFacts:
    """Compare logits on `images` [N, C, H, W], float32, both on the CPU.

    The largest difference may be 1e-4 of the logits' standard deviation, and top-1 may flip only where the margin
    between the two best logits is under twice the largest difference. The file must also give a sample the same logits
    alone, in another order, and a second time. Raises `ParityError` otherwise.
    """
    samples = torch.as_tensor(images, dtype=torch.float32, device="cpu")
    with torch.no_grad():
        twin = frozen_copy(model)
        expected = torch.cat([twin(samples[at : at + BATCH]) for at in range(0, len(samples), BATCH)]).numpy()
    session = open_session(onnx_path, configure_cpu())
    got = predict(session, samples.numpy(), BATCH)
    facts = compare_logits(expected, got)
    if on := dependence(partial(predict, session, batch=BATCH), samples.numpy(), got):
        raise ParityError(f"the logits of the exported model depend on {on}")
    return facts


def compare_logits(expected: NDArray[np.float32], got: NDArray[np.float32]) -> ParityFacts:
    """The rule of `check_parity` on logits [N, classes] of torch and of ONNX Runtime."""
    if expected.shape != got.shape:
        raise ParityError(f"the exported model gives logits of shape {got.shape}, torch {expected.shape}")
    largest = float(np.abs(expected - got).max())
    tolerance = RELATIVE_TOLERANCE * float(expected.std())
    flipped = expected.argmax(axis=1) != got.argmax(axis=1)
    best = np.sort(expected, axis=1)[:, -2:]
    margins = best[:, -1] - best[:, 0]  # of one class alone: 0, and nothing to flip
    wide = int((flipped & ~(margins < 2 * largest)).sum())
    # Written so that a NaN, which is under no limit, fails.
    if not largest <= tolerance or wide:
        raise ParityError(
            f"the exported model differs from torch on {len(expected)} samples: largest difference of a logit "
            f"{largest:.3g}, allowed {tolerance:.3g}; top-1 flips {int(flipped.sum())}, of which {wide} at a margin "
            "that the difference does not explain"
        )
    return ParityFacts(samples=len(expected), max_difference=largest, tolerance=tolerance, flips=int(flipped.sum()))
