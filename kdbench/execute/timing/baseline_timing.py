"""The gate's measurement: new against baseline ONNX, interleaved in one run, for as many rounds as the answer needs."""

from collections.abc import Callable, Generator, Iterator, Mapping
from itertools import product
from pathlib import Path

from kdbench.execute.events import Ahead, RunEvent
from kdbench.execute.jobs.records import TimePair
from kdbench.execute.timing import rounds
from kdbench.execute.timing.rounds import take_turns, time_rounds
from kdbench.execute.timing.samples import RealSamples, Samples, samples_from
from kdbench.execute.workers.job import NoAnswer
from kdbench.execute.workers.place import Place
from kdbench.results import Baseline, LatencyComparison, ResultSet
from kdbench.results.baselines.matching import counterparts, follow
from kdbench.results.machine.facts import timing_cores
from kdbench.results.timings import Sessions, slice_minima, slice_p50s
from kdbench.spec import How
from kdbench.statistics.ratios import GATE_LOOKS, judge_ratio


def compare_with_baseline(
    baseline: Baseline, files: Mapping[str, Path], results: ResultSet, place: Place
) -> Generator[RunEvent, None, list[LatencyComparison]]:
    """Time every architecture of which the baseline keeps an ONNX file against it, on whatever machine this is.

    `files` are those of the baseline, by their names. All comparisons take turns. Files that are the same byte for byte
    are not timed, and nothing is where no gate asks for it.
    """
    margin = baseline.latency_margin
    if margin is None:
        return []
    baseline = follow(baseline, results.suite)
    kept = [(model, counterparts(model, results)) for model in baseline.models if model.onnx]
    ways = results.suite.latency.combinations(timing_cores())
    comparisons = [
        LatencyComparison(what=model.title, how=how, sessions=(), reason="the results have no such model")
        for model, found in kept
        for how in ways
        if not found
    ]
    changed = [
        (model, each)
        for model, found in kept
        for each in found
        if each.result.model.onnx_sha256 != model.facts.onnx_sha256
    ]
    decided = _decided(margin, len(changed) * len(ways))
    largest = max((how.batch for how in ways), default=1)
    with samples_from(RealSamples(results.suite.data), largest, place) as samples:

        def compare(at: int, pair: tuple[Path, Path], how: How) -> Iterator[RunEvent]:
            sessions, reason = yield from _time(pair, how, samples, place, decided)
            comparisons[at] = comparisons[at].model_copy(update={"sessions": sessions, "reason": reason})

        turns = []
        for (model, each), how in product(changed, ways):
            pair = (place.store.exported(each.result.exported.artifact), files[model.onnx or ""])
            turns.append(compare(len(comparisons), pair, how))
            names = (model.facts.architecture, each.result.model.architecture)
            comparisons.append(LatencyComparison(what=each.title, how=how, sessions=(), architectures=names))
        if turns:
            yield Ahead(work="timing", units=GATE_LOOKS[0] * len(turns))
        yield from take_turns(turns)
    return comparisons


def _time(
    pair: tuple[Path, Path], how: How, samples: Samples, place: Place, decided: Callable[[Sessions], bool]
) -> Generator[RunEvent, None, tuple[Sessions, str | None]]:
    """Sessions of candidate against reference, and why they broke off, if so."""
    try:
        yield from samples.save()
    except NoAnswer as reason:
        return (), str(reason)
    candidate, reference = (str(file.resolve()) for file in pair)
    job = TimePair(
        candidate=candidate,
        reference=reference,
        samples=samples.path,
        how=how,
        sessions=1,
        pairs=rounds.PAIRS,
    )
    timed, broke_off = yield from time_rounds(job, place, decided, looks=GATE_LOOKS)
    return tuple(session for each in timed for session in each.sessions), broke_off


def _decided(margin: float, comparisons: int) -> Callable[[Sessions], bool]:
    """Whether the slices timed so far decide one of so many comparisons, as the gate will judge it.

    The error of failing is shared by everything that is to be timed: at least as much as the gate will find timed.
    """
    family = max(1, comparisons)

    def decided(sessions: Sessions) -> bool:
        found = judge_ratio(slice_p50s(sessions), slice_minima(sessions), margin, family=family)
        return found.status != "undecided"

    return decided
