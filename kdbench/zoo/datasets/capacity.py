"""How much memory there is for images: the machine's, the container's around this process, a GPU's."""

import os
from collections.abc import Iterator
from pathlib import Path

import psutil
import torch

# Of the memory that is free, images may take at most this share: networks, their gradients and features need the rest.
SHARE = 0.5

# Files of a control group, by version: limit, use, and what of the use the kernel gives back when asked.
_FILES = {
    2: ("memory.max", "memory.current", "inactive_file"),
    1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
}


def fits(needed: int, available: int, copies: int = 1) -> bool:
    """Whether `copies` times `needed` bytes are at most `SHARE` of the `available` ones."""
    return needed * copies <= SHARE * available


def fits_in_memory(needed: int) -> bool:
    """Whether images of `needed` bytes can be held in memory, by one process per core, twice while they are split."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return fits(needed, free_memory(), copies=2 * cores)


def fits_on(device: torch.device, needed: int) -> bool:
    """Whether images of `needed` bytes, in memory already, can move to a device."""
    return device.type != "cuda" or fits(needed, free_gpu_memory(device))


def free_memory(membership: Path = Path("/proc/self/cgroup"), groups: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes that this process may still take: the machine's, or less where a control group's limit says so."""
    return min((psutil.virtual_memory().available, *_left_in_groups(membership, groups)))


def free_gpu_memory(device: torch.device) -> int:
    """Bytes that are free on a CUDA device."""
    return torch.cuda.mem_get_info(device)[0]


def _left_in_groups(membership: Path, groups: Path) -> Iterator[int]:
    """What is left, in bytes, of every limit that holds for this process: its group's and those of the groups above."""
    try:
        lines = membership.read_text("utf-8").splitlines()
    except OSError:  # no Linux
        return
    for line in lines:
        number, controllers, path = line.split(":", 2)
        if number != "0" and "memory" not in controllers.split(","):
            continue
        version, mount = (2, groups) if number == "0" else (1, groups / "memory")
        folder = mount / path.strip("/")
        for group in (folder, *folder.parents):
            if group.is_relative_to(mount):
                yield from _left_in(group, *_FILES[version])


def _left_in(group: Path, limit: str, used: str, reclaimable: str) -> Iterator[int]:
    try:
        statistics = dict(line.split() for line in (group / "memory.stat").read_text("utf-8").splitlines())
        in_use = int((group / used).read_text("utf-8")) - int(statistics.get(reclaimable, 0))
        yield max(0, int((group / limit).read_text("utf-8")) - in_use)
    except (OSError, ValueError):
        pass  # no such group as seen from within a container, or no limit: "max"
