"""Rounds of interleaved slices: asked of a worker one by one, until their ratio is known well enough."""

from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import TypeVar

from kdbench.execute.workers.messages import Crashed, Message, RoundTimed, Unanswered
from kdbench.execute.workers.place import DEPLOYED_STAGES, Place, raise_if_refused
from kdbench.results.timings import Sessions
from kdbench.spec import How
from kdbench.statistics.ratios import LOOKS

M = TypeVar("M")
Inputs = Mapping[str, object]  # {"data": a DataSpec as JSON}, or {"data": None, "shape": [C, H, W]} for made-up images


class NotTaken(Exception):
    """A figure could not be taken; the text says why."""


def time_rounds(
    candidate: Path,
    reference: Path,
    how: How,
    inputs: Inputs,
    place: Place,
    settled: Callable[[Sessions], bool],
) -> Generator[Message, None, tuple[list[RoundTimed], str | None]]:
    """Rounds of interleaved slices, looked at after the first, third and sixth; and why they broke off, if so."""
    rounds: list[RoundTimed] = []
    item = {"candidate": str(candidate), "reference": str(reference), "how": how.model_dump()}
    for number in range(1, LOOKS[-1] + 1):
        try:
            found = yield from ask(place, "time_pair", RoundTimed, **inputs, **item)
        except NotTaken as reason:
            return rounds, str(reason)
        rounds.append(found)
        if number in LOOKS and settled(tuple(session for each in rounds for session in each.sessions)):
            break
    return rounds, None


def ask(place: Place, stage: str, kind: type[M], **content: object) -> Generator[Message, None, M]:
    """One job's answer of this kind, every message passed on. Raises `NotTaken` where it gave none or broke."""
    answer: Message | None = None
    for _, message in place.executor.map(f"{DEPLOYED_STAGES}:{stage}", [place.item(**content)]):
        raise_if_refused(message)
        if isinstance(message, (Crashed, Unanswered)):
            raise NotTaken(message.reason)
        yield message
        answer = message
    if not isinstance(answer, kind):
        raise NotTaken("its job ended without a word")
    return answer
