import mmap

import torch

from kdbench.train.cost.memory import peak_memory_bytes, reset_peak_memory

CPU = torch.device("cpu")
SIZE = 50_000_000


def test_the_peak_sees_what_was_allocated() -> None:
    reset_peak_memory(CPU)
    before = peak_memory_bytes(CPU)
    with mmap.mmap(-1, SIZE) as block:  # pages of its own: an array may come from memory that was freed before
        block.write(b"x" * SIZE)
    assert peak_memory_bytes(CPU) >= before + 0.8 * SIZE
