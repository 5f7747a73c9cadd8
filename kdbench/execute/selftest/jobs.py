"""The jobs of latency trials, and their answers: see `timed`, which carries them out."""

from typing import ClassVar

from kdbench.execute.jobs.records import TimingJob
from kdbench.results.timings import Sessions
from kdbench.spec import Record
from kdbench.spec.choice import Several

TIMED = "kdbench.execute.selftest.timed"


class TurnsTimed(Record):
    """Of each pair of files, one pair of sessions."""

    sessions: Sessions


class TimeTurns(TimingJob[TurnsTimed]):
    """One round of several trials: each pair of files in one fresh pair of sessions, as in a check.

    A check has a process for each round of each pair. Here the pairs of several trials share one, since starting it
    takes longer than the sessions do; all sessions of one trial are of different processes, as there.
    """

    function: ClassVar[str] = f"{TIMED}:time_turns"
    pairs: Several[tuple[str, str]]  # candidate and reference

    def files(self) -> tuple[str, ...]:
        return self.samples, *(file for pair in self.pairs for file in pair)


class Alone(Record):
    """One file, timed as other tools do: microseconds."""

    calls: Several[float]  # of each call of a second, which is pytest-benchmark's; none where it was not asked for
    samples: Several[float]  # of a call on the mean of each 10 ms, which are asv's


class AloneTimed(Record):
    """Each file, one after the other."""

    files: Several[Alone]


class TimeAlone(TimingJob[AloneTimed]):
    """Files one after the other, each alone, as other tools time what they will compare later."""

    function: ClassVar[str] = f"{TIMED}:time_alone"
    alone: Several[str]
    calls: bool  # whether to time single calls for a second as well

    def files(self) -> tuple[str, ...]:
        return self.samples, *self.alone
