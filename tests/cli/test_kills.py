"""Whole runs whose processes are killed, or whose writes stop at a size: the next run ends as an undisturbed one.

In `tests/execute/test_faults.py` the same is shown of each change to the store and of 200 random moments, without workers.
"""

import os
import random
import resource
import signal
import subprocess
import sys
import time
from contextlib import suppress
from itertools import count
from pathlib import Path

import psutil
import pytest
from pydantic import JsonValue

from kdbench import api
from kdbench.results import Store
from tests.execute.faulty import drafts, figures, trained

KDBENCH = (sys.executable, "-m", "kdbench", "run", "tiny.toml", "--workers", "2", "--threads", "1")
SUITE = """\
name = "tiny"
data = "digits"
seeds = 2
conditions = []
losses = ["cross_entropy", "kd"]
pairs = [{ teacher = { use = "mlp", hidden = [32] }, student = { use = "mlp", hidden = [8] } }]
train = { epochs = 3, batch_size = 16 }
budget = { by = "epochs" }
latency = { batch_sizes = [] }
"""
KILLS = 20
MARK = "KDBENCH_KILLED"  # a variable by which all processes of a run are known
# What is sent, and to whom; the same seed gives the same order.
VICTIMS = (("run", signal.SIGKILL), ("worker", signal.SIGKILL), ("run", signal.SIGTERM), ("run", signal.SIGHUP))


class User:
    """Somebody who runs the suite in a folder, with temporary files in a folder beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.temporary, self.store = folder, folder / "temporary", folder / "results"
        self.temporary.mkdir(parents=True)
        (folder / "tiny.toml").write_text(SUITE)
        self.suite = api.load_suite(folder / "tiny.toml")
        self._environment = {**os.environ, MARK: str(folder), "TMPDIR": str(self.temporary)}

    def start(self, largest_file: int = resource.RLIM_INFINITY) -> subprocess.Popen[bytes]:
        def prepare() -> None:
            signal.signal(signal.SIGHUP, signal.SIG_DFL)
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, resource.RLIM_INFINITY))

        return subprocess.Popen(
            KDBENCH,
            cwd=self.folder,
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=(self.folder / "stderr").open("wb"),
            preexec_fn=prepare,
        )

    def run(self) -> int:
        return self.start().wait(timeout=600)

    @property
    def told(self) -> str:
        return (self.folder / "stderr").read_text()

    def processes(self) -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get(MARK) == str(self.folder) and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def left(self) -> list[psutil.Process]:
        """Processes that a run has left, once they had the time to end."""
        end = time.monotonic() + 30
        while (running := self.processes()) and time.monotonic() < end:
            time.sleep(0.05)
        return running

    def drafts(self) -> list[Path]:
        """What is half-written, when the next run has begun."""
        Store(self.store).prepare()
        return list(drafts(self.folder))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[JsonValue, float]:
    """What an undisturbed run gives, and the seconds that it takes."""
    user = User(tmp_path_factory.mktemp("undisturbed") / "user")
    began = time.monotonic()
    assert user.run() == 0, user.told
    seconds = time.monotonic() - began
    assert not user.left()
    return figures(user.store, user.suite), seconds


def kill(victim: str, number: int, user: User, process: subprocess.Popen[bytes], chance: random.Random) -> None:
    workers = [each for each in user.processes() if each.pid != process.pid]
    target = chance.choice(workers) if victim == "worker" and workers else process
    with suppress(psutil.NoSuchProcess):
        target.send_signal(number)


@pytest.mark.slow
def test_runs_that_are_killed_at_random_moments(undisturbed: tuple[JsonValue, float], tmp_path: Path) -> None:
    wanted, seconds = undisturbed
    chance = random.Random(0)
    folders = (tmp_path / str(number) for number in count())
    kills, user = 0, User(next(folders))
    while kills < KILLS:
        before = trained(user.store)
        victim, number = chance.choice(VICTIMS)
        process = user.start()
        try:
            process.wait(timeout=chance.uniform(0, seconds))
        except subprocess.TimeoutExpired:
            kill(victim, number, user, process, chance)
            kills += 1
        code = process.wait(timeout=600)
        assert not user.left(), (kills, victim, number)
        assert before.items() <= trained(user.store).items(), kills
        assert "defect" not in user.told, user.told
        if code == 0:
            assert not user.drafts(), kills
            assert figures(user.store, user.suite) == wanted, kills
            user = User(next(folders))


@pytest.mark.slow
def test_writes_that_stop_at_a_size(undisturbed: tuple[JsonValue, float], tmp_path: Path) -> None:
    """As on a full disk: the system writes a part of what was asked, in native code too, and refuses the rest."""
    user = User(tmp_path / "user")
    for size in (0, 100, 1_000, 3_000, 10_000, 30_000, 100_000):
        before = trained(user.store)
        code = user.start(largest_file=size).wait(timeout=600)
        assert code in (0, 1, 2), user.told
        assert "defect" not in user.told, user.told
        assert before.items() <= trained(user.store).items()
        if code == 0:
            break
    assert user.run() == 0, user.told
    assert not user.left()
    assert not user.drafts()
    assert figures(user.store, user.suite) == undisturbed[0]
