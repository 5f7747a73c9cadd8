"""What all tests share: they run in processes beside each other, but that nothing runs beside one that measures time."""

import fcntl
import functools
import os
import sys
from collections.abc import Generator
from pathlib import Path

import hypothesis
import pytest
import xdist

# The processes share the cores. It counts from when torch is imported, as in kdbench's own workers.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# How long an example takes says nothing where another process is busy.
hypothesis.settings.register_profile("untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("untimed")

# These take longest. They come first, so that no process is left with one of them at the end.
LONGEST = ("tests/test_style.py", "tests/cli/", "tests/plugin/", "tests/train/", "tests/execute/")
QUEUE, RUNNING = Path(__file__), Path(__file__).parent / "__init__.py"  # any two files serve as locks


@pytest.fixture(autouse=True)
def operators_are_read_once() -> None:
    """At each export torch reads the source of some 500 operators anew, .4 of its .6 s: here once in a process."""
    exporter = sys.modules.get("torch.onnx._internal.exporter._registration")
    if exporter and not isinstance(vars(exporter.ONNXRegistry)["from_torchlib"], staticmethod):
        exporter.ONNXRegistry.from_torchlib = staticmethod(functools.cache(exporter.ONNXRegistry.from_torchlib))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def order(item: pytest.Item) -> tuple[bool, ...]:
        return ("mypy" not in item.nodeid, *(not item.nodeid.startswith(path) for path in LONGEST))

    items.sort(key=order)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """A test marked `alone` waits until the other processes have ended theirs, and they wait until it has."""
    if not xdist.is_xdist_worker(item):
        return (yield)
    alone = item.get_closest_marker("alone") is not None
    with QUEUE.open() as queue, RUNNING.open() as running:
        fcntl.flock(queue, fcntl.LOCK_EX)  # who waits for all others lets nobody pass
        fcntl.flock(running, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(queue, fcntl.LOCK_UN)
        return (yield)
