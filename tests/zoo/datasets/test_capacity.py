from pathlib import Path

import psutil
import pytest
import torch

from kdbench.zoo.datasets import capacity
from kdbench.zoo.datasets.capacity import fits, fits_in_memory, fits_on, free_memory


@pytest.mark.parametrize(
    ("needed", "available", "copies", "answer"),
    [
        (50, 100, 1, True),
        (51, 100, 1, False),
        (12, 100, 4, True),
        (13, 100, 4, False),
        (0, 0, 1, True),
        (1, 0, 1, False),
    ],
)
def test_half_of_what_is_free_may_be_taken(needed, available, copies, answer) -> None:
    assert fits(needed, available, copies) is answer


def test_every_core_has_a_process_that_holds_them_twice(monkeypatch) -> None:
    monkeypatch.setattr(capacity, "free_memory", lambda: 1200)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 2, 5}, raising=False)
    assert fits_in_memory(100)
    assert not fits_in_memory(101)


def test_a_gpu_is_asked_for_its_own_memory(monkeypatch) -> None:
    monkeypatch.setattr(capacity, "free_gpu_memory", lambda device: {"cuda:1": 1000}[str(device)])
    assert fits_on(torch.device("cuda:1"), 500)
    assert not fits_on(torch.device("cuda:1"), 501)
    assert fits_on(torch.device("cpu"), 10**30)  # where they are already


GROUPS = {
    # of version 2, as a container sees itself; what the kernel would give back is not in use
    "a container": ("0::/\n", {"memory.max": "900", "memory.current": "500", "memory.stat": "anon 1\ninactive_file 300\n"}, 700),
    "no limit": ("0::/\n", {"memory.max": "max", "memory.current": "500", "memory.stat": "inactive_file 300\n"}, None),
    "more in use than allowed": ("0::/\n", {"memory.max": "9", "memory.current": "500", "memory.stat": ""}, 0),
    "the group above is tighter": (
        "0::/job/step\n",
        {
            "job/memory.max": "100", "job/memory.current": "70", "job/memory.stat": "inactive_file 5\n",
            "job/step/memory.max": "90", "job/step/memory.current": "0", "job/step/memory.stat": "inactive_file 0\n",
        },
        35,
    ),
    "version 1": (
        "12:cpu,cpuacct:/x\n4:memory:/docker/f00\n0::/\n",
        {
            "memory/docker/f00/memory.limit_in_bytes": "800", "memory/docker/f00/memory.usage_in_bytes": "300",
            "memory/docker/f00/memory.stat": "inactive_file 0\ntotal_inactive_file 100\n",
        },
        600,
    ),
    "version 1, seen from within": (
        "4:memory:/docker/f00\n",
        {"memory/memory.limit_in_bytes": "800", "memory/memory.usage_in_bytes": "300", "memory/memory.stat": ""},
        500,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", GROUPS)
def test_the_limit_of_a_control_group_counts(name, tmp_path: Path, monkeypatch) -> None:
    membership, files, left = GROUPS[name]
    (tmp_path / "membership").write_text(membership)
    for file, content in files.items():
        (tmp_path / "groups" / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "groups" / file).write_text(content)
    machine = 10_000
    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("Memory", (), {"available": machine}))
    free = free_memory(tmp_path / "membership", tmp_path / "groups")
    assert free == (machine if left is None else left)


def test_a_machine_without_control_groups(tmp_path: Path) -> None:
    assert free_memory(tmp_path / "none", tmp_path / "none") > 0
    assert free_memory() > 0
