"""Peak memory over a span: the process's, or the GPU's where it is the device."""

import torch

from kdbench.results.machine import memory


def reset_peak_memory(device: torch.device) -> None:
    """Start the peak over, where it can be."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    memory.reset_peak_memory()


def peak_memory_bytes(device: torch.device) -> int:
    """The most memory held since the reset, in bytes: on a GPU what torch reserved, else the resident set."""
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved(device)
    return memory.peak_memory_bytes()
