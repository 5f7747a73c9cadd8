"""Rounds of timing: in each, every ratio that is not yet settled is timed in one fresh pair of sessions.

So the sessions of a ratio come from parts of the run that lie apart, and their spread holds what drifts during the run.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from kdbench.execute.events import RoundFinished, RunEvent
from kdbench.execute.jobs.records import TimePair, TimingJob
from kdbench.execute.workers.job import Answer, NoAnswer
from kdbench.execute.workers.messages import Progress
from kdbench.execute.workers.place import Place
from kdbench.results import Store
from kdbench.results.timings import Round, Sessions
from kdbench.statistics.ratios import LOOKS

PAIRS = 8  # of slices, in a pair of sessions (docs/decisions/0009)
COLD_STARTS = 3  # the processes of as many rounds begin with one
LONGEST_REASON = 300  # characters


def take_turns(ratios: Iterable[Iterator[RunEvent]]) -> Iterator[RunEvent]:
    """Time each of several ratios for one round, then each that goes on for the next, until all are over."""
    waiting = deque(ratios)
    while waiting:
        ratio = waiting.popleft()
        for event in ratio:
            yield event
            if isinstance(event, RoundFinished):
                waiting.append(ratio)
                break


def time_rounds(
    job: TimePair,
    place: Place,
    settled: Callable[[Sessions], bool],
    key: str | None = None,
    looks: Sequence[int] | None = None,
) -> Generator[RunEvent, None, tuple[list[Round], str | None]]:
    """Rounds of one ratio until a look finds it settled; and why they broke off, if so.

    It is looked at after the rounds `looks`, by default `LOOKS`. With a `key` the store keeps each round until
    `forget_rounds`, so that an interrupted run goes on where it was.
    """
    rounds: list[Round] = []
    looks = looks or LOOKS
    further = further_rounds(looks)
    for number in range(1, looks[-1] + 1):
        try:
            rounds.append((yield from _round(job, place, number, key)))
        except NoAnswer as reason:
            return rounds, str(reason)
        yield RoundFinished(number=number, most=looks[-1], further=further.get(number, 0))
        if number in looks and settled(tuple(session for each in rounds for session in each.sessions)):
            break
    return rounds, None


def _round(job: TimePair, place: Place, number: int, key: str | None) -> Generator[RunEvent, None, Round]:
    if key and (stored := place.store.read(Store.ROUNDS, f"{key}-{number}", Round)):
        return stored
    found = yield from measure(job.model_copy(update={"cold": job.cold and number <= COLD_STARTS}), place)
    if key:
        place.store.write(Store.ROUNDS, f"{key}-{number}", found)
    return found


def further_rounds(looks: Sequence[int]) -> dict[int, int]:
    """By the first round after a look that did not settle it: the rounds to the next look."""
    return {look + 1: following - look for look, following in pairwise(looks)}


def forget_rounds(key: str, store: Store) -> None:
    """Remove what `time_rounds` keeps, once the ratio's own record is there."""
    for number in range(1, LOOKS[-1] + 1):
        store.remove(Store.ROUNDS, f"{key}-{number}")


def measure(job: TimingJob[Answer], place: Place) -> Generator[Progress, None, Answer]:
    """The answer of a timing job. Raises `NoAnswer`, in one line that names files without their folders."""
    try:
        return (yield from place.ask(job))
    except NoAnswer as error:
        reason = str(error).strip().partition("\n")[0]
        for path in job.files():
            reason = reason.replace(path, Path(path).name)
        raise NoAnswer(reason[:LONGEST_REASON]) from error
