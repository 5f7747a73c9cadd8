"""Suites that tests of this folder run: in a folder, in this process, with all messages heard."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from kdbench import api
from kdbench.execute.run import run_plan
from kdbench.execute.workers.executors import Inline, Item
from kdbench.execute.workers.messages import Message
from kdbench.execute.workers.place import Place
from kdbench.results import RunRecord, Store
from kdbench.spec import Suite


def place(root: Path, **changes: object) -> Place:
    content: dict[str, object] = {"store": Store(root), "executor": Inline(), "data_root": root / "data"}
    return Place(**{**content, **changes})  # type: ignore[arg-type]


def run(suite: Suite, where: Place) -> tuple[RunRecord, list[Message]]:
    heard: list[Message] = []
    messages = run_plan(api.plan(suite, where.plugins), where)
    return api.drain(messages, heard.append), heard


class Scripted:
    """An executor whose jobs are answered by a function of their stage and item; it remembers what it was asked."""

    workers = 1

    def __init__(self, answer: Callable[[str, Item], Iterable[Message]]) -> None:
        self.answer = answer
        self.asked: list[tuple[str, Item]] = []

    def map(self, function: str, items: Iterable[Item], at_once: int | None = None) -> Iterator[tuple[Item, Message]]:
        stage = function.partition(":")[2]
        for item in items:
            self.asked.append((stage, item))
            for message in self.answer(stage, item):
                yield item, message

    def count(self, stage: str) -> int:
        return sum(asked == stage for asked, _ in self.asked)

    def close(self) -> None:
        pass
