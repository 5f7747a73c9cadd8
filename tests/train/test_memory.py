import numpy as np

from kdbench.train.memory import peak_memory_bytes, reset_peak_memory


def test_the_peak_sees_what_was_allocated() -> None:
    reset_peak_memory()
    before = peak_memory_bytes()
    block = np.ones(50_000_000, dtype=np.uint8)
    assert peak_memory_bytes() >= before + 0.8 * block.nbytes
