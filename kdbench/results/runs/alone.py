"""The student alone of other runs of a suite, for a run that took a part of it without that."""

from pydantic import ValidationError

from kdbench.results.records import Outcome, RunRecord
from kdbench.results.store import Store
from kdbench.spec import PART, Entry, Suite
from kdbench.spec.planning.entry import loss_alone


def with_alone(run: RunRecord, store: Store) -> RunRecord:
    """The run with the student alone of the latest other run of its suite that has it, where it has none itself.

    That one was trained as the students of its pair were, but for what they learned from. A note tells of it.
    """
    suite = _suite(run)
    if suite is None or loss_alone(suite):
        return run
    ids = store.run_ids(run.name.partition(PART)[0])
    for run_id in sorted(ids.keys() - {run.run_id}, reverse=True):
        other = store.read_run(ids[run_id], run_id)
        theirs = _suite(other)
        if theirs and (found := _alone(theirs, other, run, store)):
            return _joined(run, suite, theirs, other, found)
    return run


def _suite(run: RunRecord) -> Suite | None:
    """None where this kdbench cannot read it."""
    try:
        return Suite.model_validate(run.suite)
    except ValidationError:
        return None


def _alone(suite: Suite, other: RunRecord, run: RunRecord, store: Store) -> tuple[Entry, ...]:
    """The entries of the student alone in another run, at all its budgets, of pairs where seeds were trained alike."""
    label = loss_alone(suite)
    alone = [each for each in _students(other, store) if each.loss == label and not each.teaching]
    taught = {_training(each, store) for each in _students(run, store)}
    pairs = {each.pair for each in alone if _training(each, store) in taught}
    return tuple(each for each in alone if each.pair in pairs)


def _students(run: RunRecord, store: Store) -> list[Entry]:
    return [each for each in run.entries if each.role == "student" and store.has_trial(each.key)]


def _training(entry: Entry, store: Store) -> str:
    """What two trials have in common that differ in what they learn from."""
    trial = store.read_trial(entry.key).trial
    return repr([entry.pair, trial.model, trial.data, trial.train, trial.view, trial.seed, trial.start])


def _joined(run: RunRecord, suite: Suite, theirs: Suite, other: RunRecord, alone: tuple[Entry, ...]) -> RunRecord:
    loss = next(each for each in theirs.losses if each.label == alone[0].loss)
    return run.model_copy(
        update={
            "suite": suite.model_copy(update={"losses": (loss, *suite.losses)}).model_dump(mode="json"),
            "entries": (*alone, *run.entries),
            "outcomes": run.outcomes | {each.key: Outcome(status="done") for each in alone},
            "artifacts": tuple(dict.fromkeys((*run.artifacts, *other.artifacts))),
            "evaluations": tuple(dict.fromkeys((*run.evaluations, *other.evaluations))),
            "notes": (*run.notes, f"the student alone was not asked for: it is that of the run {other.run_id}"),
        }
    )
