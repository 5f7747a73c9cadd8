"""Where a suite runs, and what a job is told of it."""

import os
import shutil
import tempfile
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from kdbench.execute.workers.executors import Executor
from kdbench.execute.workers.job import Answer, Job, NoAnswer
from kdbench.execute.workers.messages import Crashed, Fault, Progress, Refused
from kdbench.results import Layout, Store
from kdbench.spec import Record, UserError
from kdbench.spec.choice import Several

UseOfCache = Literal["use", "require", "off"]
ONE = Layout(processes=1, threads=1)


class Setting(Record):
    """What a job is told of where it runs: the store, the data, the device, and how its process is set up."""

    store: str
    data_root: str
    device: str
    plugins: Several[str]
    cache: UseOfCache  # of teacher outputs
    cache_limit: int  # bytes of all caches together
    layout: Layout


@dataclass(frozen=True)
class Place:
    """Where a suite runs: its store, its data, its device, and how jobs are carried out."""

    store: Store
    executor: Executor
    data_root: Path
    device: str = "cpu"
    plugins: tuple[str, ...] = ()
    threads: int | None = None  # per process; by a measured probe where it is not given
    cache: UseOfCache = "use"  # of teacher outputs; "use": live where there is no room
    cache_limit: int = 8 * 10**9  # bytes of all caches together

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.executor.close()

    def setting(self, layout: Layout = ONE) -> Setting:
        """What jobs are told of this place, in processes that are set up like this."""
        return Setting(
            store=str(self.store.root),
            data_root=str(self.data_root),
            device=self.device,
            plugins=self.plugins,
            cache=self.cache,
            cache_limit=self.cache_limit,
            layout=layout,
        )

    def run(
        self, jobs: Sequence[Job[Answer]], at_once: int | None = None
    ) -> Iterator[tuple[int, Progress | Answer | Crashed]]:
        """What is said of every job, with its position in `jobs`.

        Raises `UserError` where one finds bad input, and `OSError` where one has no room to write.
        """
        for position, said in self.executor.map(jobs, at_once):
            if isinstance(said, Refused):
                raise UserError(said.problems)
            if isinstance(said, Fault):
                raise OSError(said.number, os.strerror(said.number), said.file or self._fullest())
            yield position, said

    def _fullest(self) -> str:
        """The folder with the least room, of the two that jobs write to."""
        there = [folder for folder in (self.store.root, Path(tempfile.gettempdir())) if folder.is_dir()]
        return str(min(there, key=lambda folder: shutil.disk_usage(folder).free))

    def ask(self, job: Job[Answer]) -> Generator[Progress, None, Answer]:
        """The answer of one job. Raises `NoAnswer` where it crashed, and `UserError`."""
        for _, said in self.run([job]):
            if isinstance(said, Crashed):
                error = NoAnswer(said.reason)
                error.add_note(said.traceback or "")  # that of the other process: `--debug` shows it
                raise error
            if not isinstance(said, Progress):
                return said
            yield said
        raise NoAnswer("its job ended without an answer")
