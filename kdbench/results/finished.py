"""What a plan needs to know of trials that have ended."""

from collections.abc import Iterable, Mapping

from kdbench.results.lineage import earlier
from kdbench.results.records import FailureRecord, Outcome
from kdbench.results.store import Store
from kdbench.spec.planning.choices import Finished


def ended(keys: Iterable[str], store: Store) -> dict[str, Outcome]:
    """How those of some trials ended that did: trained, or failed or skipped when they were tried last."""
    found: dict[str, Outcome] = {}
    for key in keys:
        if store.is_trained(key):
            found[key] = Outcome(status="done")
        elif failure := store.read(Store.FAILURES, key, FailureRecord):
            found[key] = Outcome(status=failure.status, reason=failure.reason)
    return found


def finished(store: Store, outcomes: Mapping[str, Outcome]) -> dict[str, Finished]:
    """Validation accuracy and seconds of what is trained; what failed or was skipped has no accuracy."""
    return {
        key: _of(store, key) if outcome.status == "done" else Finished(validation=None)
        for key, outcome in outcomes.items()
    }


def _of(store: Store, key: str) -> Finished:
    record = store.read_trial(key)
    costs = (
        record.training,
        *earlier(record, lambda start: store.read_trial(start) if store.has_trial(start) else None),
    )
    return Finished(validation=record.validation_top1, seconds=sum(cost.alone_seconds for cost in costs))
