"""The peak of this process's resident memory."""

import resource
import sys
from contextlib import suppress
from pathlib import Path

_RESET = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")


def reset_peak_memory() -> int:
    """Start the peak over, where the kernel can (Linux); returns it, in bytes."""
    with suppress(OSError):
        _RESET.write_text("5")
    return peak_memory_bytes()


def peak_memory_bytes() -> int:
    """The largest resident set since the reset, in bytes; since the start of the process where none is possible.

    Linux hands `ru_maxrss` on from the process that started this one, so the kernel's own mark is read where it is.
    """
    with suppress(OSError):
        for line in _STATUS.read_text("utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
