"""Trials of the latency gate: files of the same work, and files whose candidate has known more work to do.

They are timed by the gate's own calls and judged by its own rule, some of them by other tools' rules as well.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from statistics import fmean

from kdbench.execute.events import Ahead, RoundFinished, RunEvent
from kdbench.execute.selftest import networks
from kdbench.execute.selftest.jobs import Alone, TimeAlone, TimeTurns
from kdbench.execute.selftest.rivals import AloneTimes, rules
from kdbench.execute.timing.rounds import further_rounds, measure
from kdbench.execute.timing.samples import RandomSamples, Samples, samples_from
from kdbench.execute.workers.place import Place
from kdbench.results.drafts import temporary_folder
from kdbench.results.selftest import Judged
from kdbench.results.timings import Sessions, slice_minima, slice_p50s
from kdbench.spec import How
from kdbench.statistics.ratios import GATE_LOOKS, RatioVerdict, estimate_ratio, judge_ratio

HOW = How(provider="cpu", threads=1, batch=1)
AT_ONCE = 10  # trials that take turns
# Of an injection's trials, one of so many is judged by other tools, too, but no more in all: they take longer. Where
# these are fewer than ten, they show nothing, and are left out.
RIVALS_EVERY, MOST_RIVALS, FEWEST_RIVALS = 4, 40, 10
ASV_PROCESSES = 2


@dataclass(frozen=True)
class Injection:
    """What is true in some trials, and the gate's margin there."""

    work: float  # of the candidate over the reference's
    margin: float
    trials: int

    @property
    def truth(self) -> str:
        return f"{100 * (self.work - 1):g} % more work" if self.work != 1 else "the same work"


@dataclass
class _Trial:
    injection: Injection
    files: tuple[str, str]  # candidate and reference
    compared: bool  # whether other tools judge it, too
    sessions: Sessions = ()
    verdict: RatioVerdict | None = None
    others: dict[str, bool] = field(default_factory=dict)  # by rule: whether it calls the candidate slower

    @property
    def decided(self) -> bool:
        return self.verdict is not None and self.verdict.status != "undecided"

    def look(self) -> None:
        sessions = self.sessions
        self.verdict = judge_ratio(slice_p50s(sessions), slice_minima(sessions), self.injection.margin)


def latency_trials(
    injections: Sequence[Injection], place: Place, note: Callable[[list[Judged]], None]
) -> Iterator[RunEvent]:
    """Carry out all trials, those of all injections in turns; after every ten, `note` hears of all that have ended.

    So an interruption drops trials by their place alone, not those that are hard to decide. Raises `NoAnswer` where
    nothing can be timed.
    """
    with (
        temporary_folder() as folder,
        samples_from(RandomSamples(networks.SHAPE), HOW.batch, place) as samples,
    ):
        trials = _prepare(injections, folder)
        yield from samples.save()
        yield Ahead(work="timing", units=GATE_LOOKS[0] * len(trials))
        for first in range(0, len(trials), AT_ONCE):
            group = trials[first : first + AT_ONCE]
            compared = [trial for trial in group if trial.compared]
            before = yield from _time_alone([trial.files[1] for trial in compared], samples, place)
            yield from _time_in_turns(group, samples, place)
            after = yield from _time_alone([trial.files[0] for trial in compared], samples, place)
            for trial, reference, candidate in zip(compared, before, after, strict=True):
                named = rules(trial.injection.margin).items()
                trial.others = {name: rule(candidate, reference) for name, rule in named}
            ended = trials[: first + AT_ONCE]
            note([judged for injection in injections for judged in _count(injection, ended)])


def _prepare(injections: Sequence[Injection], folder: Path) -> list[_Trial]:
    """The trials in such an order that those of an injection are from all parts of the run."""
    reference = folder / "reference.onnx"
    placed: list[tuple[float, _Trial]] = []
    networks.write_chain(reference)
    for injection in injections:
        candidate = folder / f"{injection.work:g}.onnx"
        networks.write_chain(candidate, injection.work)
        files, every = (str(candidate), str(reference)), max(RIVALS_EVERY, ceil(injection.trials / MOST_RIVALS))
        for at in range(injection.trials):
            compared = at % every == 0 and injection.trials >= FEWEST_RIVALS * every
            placed += [(at / injection.trials, _Trial(injection, files, compared))]
    return [trial for _, trial in sorted(placed, key=lambda each: each[0])]


def _time_in_turns(trials: Sequence[_Trial], samples: Samples, place: Place) -> Iterator[RunEvent]:
    """Rounds of several trials in turns until each is decided, or the last look has been."""
    further = further_rounds(GATE_LOOKS)
    for number in range(1, GATE_LOOKS[-1] + 1):
        going = [trial for trial in trials if not trial.decided]
        if not going:
            return
        job = TimeTurns(samples=samples.path, how=HOW, pairs=tuple(trial.files for trial in going))
        timed = yield from measure(job, place)
        for trial, session in zip(going, timed.sessions, strict=True):
            trial.sessions = (*trial.sessions, session)
            yield RoundFinished(number=number, most=GATE_LOOKS[-1], further=further.get(number, 0))
            if number in GATE_LOOKS:
                trial.look()


def _time_alone(files: Sequence[str], samples: Samples, place: Place) -> Generator[RunEvent, None, list[AloneTimes]]:
    if not files:
        return []
    timed: list[tuple[Alone, ...]] = []
    for number in range(ASV_PROCESSES):
        job = TimeAlone(samples=samples.path, how=HOW, alone=tuple(files), calls=number == 0)
        timed.append((yield from measure(job, place)).files)
    return [
        AloneTimes(runs[0].calls, [sample for run in runs for sample in run.samples])
        for runs in zip(*timed, strict=True)
    ]


def _count(injection: Injection, trials: Sequence[_Trial]) -> Iterator[Judged]:
    own = [trial for trial in trials if trial.injection is injection]
    if not own:
        return
    verdicts = [trial.verdict.status for trial in own if trial.verdict]
    ratio = estimate_ratio(slice_p50s(tuple(session for trial in own for session in trial.sessions)), looks=1)
    judged = Judged(
        gate="latency",
        truth=injection.truth,
        regressed=injection.work > 1,
        rule=f"kdbench check, margin {100 * injection.margin:g} %",
        trials=len(own),
        failed=verdicts.count("fail"),
        undecided=verdicts.count("undecided"),
        ours=True,
        observed=ratio.estimate if ratio else None,
        effort=fmean(len(trial.sessions) for trial in own),
    )
    yield judged
    alone = {"undecided": 0, "ours": False, "observed": None, "effort": None}
    for rule in rules(injection.margin):
        said = [trial.others[rule] for trial in own if trial.others]
        if said:
            yield judged.model_copy(update={**alone, "rule": rule, "trials": len(said), "failed": sum(said)})
