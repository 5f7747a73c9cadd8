"""Rounds of interleaved slices: asked for one by one, until the ratio that they give is settled."""

from collections.abc import Callable, Generator
from pathlib import Path

from kdbench.execute.events import RoundFinished, RunEvent
from kdbench.execute.jobs.records import TimePair, TimingJob
from kdbench.execute.workers.job import Answer, NoAnswer
from kdbench.execute.workers.messages import Progress
from kdbench.execute.workers.place import Place
from kdbench.results.timings import Round, Sessions
from kdbench.statistics.ratios import LOOKS

# Of a round (docs/decisions/0009): pairs of sessions, and pairs of slices of each.
SESSIONS = 5
PAIRS = 8
LONGEST_REASON = 300  # characters


def time_rounds(
    job: TimePair, place: Place, settled: Callable[[Sessions], bool]
) -> Generator[RunEvent, None, tuple[list[Round], str | None]]:
    """Rounds of interleaved slices, looked at after the first, third and sixth; and why they broke off, if so."""
    rounds: list[Round] = []
    for number in range(1, LOOKS[-1] + 1):
        try:
            rounds.append((yield from measure(job, place)))
        except NoAnswer as reason:
            return rounds, str(reason)
        yield RoundFinished(number=number, most=LOOKS[-1])
        if number in LOOKS and settled(tuple(session for each in rounds for session in each.sessions)):
            break
    return rounds, None


def measure(job: TimingJob[Answer], place: Place) -> Generator[Progress, None, Answer]:
    """The answer of a timing job. Raises `NoAnswer`, in one line that names files without their folders."""
    try:
        return (yield from place.ask(job))
    except NoAnswer as error:
        reason = str(error).strip().partition("\n")[0]
        for path in job.files():
            reason = reason.replace(path, Path(path).name)
        raise NoAnswer(reason[:LONGEST_REASON]) from error
