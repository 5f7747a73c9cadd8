"""The gate's measurement: new against baseline ONNX, interleaved in one run, for as many rounds as the answer needs."""

from collections.abc import Callable, Generator
from pathlib import Path

from kdbench.execute.messages import Compared, Crashed, LatencyMissing, Message
from kdbench.execute.run import STAGES, Place, raise_if_refused
from kdbench.results import Baseline, LatencyComparison, ResultSet, SlicePair, Store
from kdbench.results.baseline import BaselineModel

Sessions = tuple[tuple[SlicePair, ...], ...]

# METHOD.md, point 5: at most six rounds, and at most three looks at what they say.
LOOKS = (1, 3, 6)


def compare_with_baseline(
    baseline: Baseline, folder: Path, results: ResultSet, place: Place, decided: Callable[[Sessions], bool]
) -> Generator[Message, None, list[LatencyComparison]]:
    """Time every student's architecture against the baseline's, on whatever machine this is.

    `decided` says at each look whether more rounds are needed. Files that are the same byte for byte are not timed.
    """
    comparisons = []
    for model in baseline.models:
        if model.role != "student":
            continue
        found = _candidate(model, results)
        for how in results.suite.latency.combinations:
            compared = LatencyComparison(pair=model.pair, role=model.role, model=model.model, **how, sessions=())
            if found is None:
                comparisons.append(compared.model_copy(update={"reason": "the results have no such model"}))
            elif results.trials[found].model.onnx_sha256 != model.facts.onnx_sha256:
                item = place.item(
                    candidate=str(place.store.trial_folder(found) / Store.ONNX),
                    reference=str(folder / model.onnx),
                    data=results.suite.data.model_dump(mode="json"),
                    how=how,
                )
                sessions, reason = yield from _rounds(item, place, decided)
                comparisons.append(compared.model_copy(update={"sessions": sessions, "reason": reason}))
    return comparisons


def _candidate(model: BaselineModel, results: ResultSet) -> str | None:
    keys = [e.key for e in results.run.entries if (e.pair, e.role) == (model.pair, model.role)]
    return next((key for key in keys if key in results.trials), None)


def _rounds(
    item: dict[str, object], place: Place, decided: Callable[[Sessions], bool]
) -> Generator[Message, None, tuple[Sessions, str | None]]:
    sessions: Sessions = ()
    for number in range(1, LOOKS[-1] + 1):
        for _, message in place.executor.map(f"{STAGES}:compare_architectures", [item]):
            raise_if_refused(message)
            yield message
            if isinstance(message, Crashed):
                return sessions, message.reason
            if isinstance(message, LatencyMissing):
                return sessions, message.what.reason
            if isinstance(message, Compared):
                sessions += message.sessions
        if number in LOOKS and decided(sessions):
            break
    return sessions, None
