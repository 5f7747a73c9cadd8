"""Where a suite runs, and what a job is told of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from kdbench.execute.workers.executors import Executor, Item
from kdbench.execute.workers.messages import Message, Refused
from kdbench.results import Layout, Store
from kdbench.spec import UserError

STAGES = "kdbench.execute.jobs.training"
DEPLOYED_STAGES = "kdbench.execute.jobs.deployment"
ONE = Layout(processes=1, threads=1)


@dataclass(frozen=True)
class Place:
    """Where a suite runs: its store, its data, its device, and how jobs are carried out."""

    store: Store
    executor: Executor
    data_root: Path
    device: str = "cpu"
    plugins: tuple[str, ...] = ()
    threads: int | None = None  # per process; by a measured probe where it is not given
    cache: Literal["use", "require", "off"] = "use"  # of teacher outputs; "use": live where there is no room
    cache_limit: int = 8 * 10**9  # bytes of all caches together

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.executor.close()

    def item(self, **content: object) -> Item:
        shared = {"store": str(self.store.root), "data_root": str(self.data_root), "device": self.device}
        how = {"plugins": list(self.plugins), "cache": self.cache, "cache_limit": self.cache_limit}
        return {**shared, **how, "layout": ONE.model_dump(), **content}


def raise_if_refused(message: Message) -> None:
    """Turn what a worker refused back into the exception it was."""
    if isinstance(message, Refused):
        raise UserError(message.problems)
