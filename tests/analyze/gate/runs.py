"""Made-up runs that differ from a baseline, and the entries of the verdict on them."""

from collections.abc import Callable

import numpy as np

from kdbench.analyze import GateEntry, Verdict, judge
from kdbench.results import EvaluationRecord, ResultSet, unpack_bits
from kdbench.results.baselines.freezing import baseline_of
from tests.records import correct_bits, edited, predictions


def moved(results: ResultSet, drop: float, wobble: float = 0.0005, loss: str | None = "kd") -> ResultSet:
    """The same run with the top-1 of one loss (all, where None) lowered by `drop`, each seed a little off."""
    random = np.random.default_rng(7)
    lower = {e.key for e in results.run.entries if e.role == "student" and loss in (None, e.loss)}

    def move(record: EvaluationRecord) -> EvaluationRecord:
        if record.trial not in lower:
            return record
        return with_top1(record, -drop + random.normal(0, wobble))

    return edited(results, evaluations=move)


def with_top1(record: EvaluationRecord, change: float) -> EvaluationRecord:
    """An evaluation with its top-1 changed by so much, and other samples right than before."""
    was = record.predictions
    right = unpack_bits(correct_bits(was.top1 + change, was.samples, 99), was.samples)
    return record.model_copy(update={"predictions": was.model_copy(update=predictions(right, was.loss))})


def verdict_on(before: ResultSet, now: ResultSet) -> Verdict:
    """Without anything timed."""
    return judge(baseline_of(before), now, [])


def entry_of(verdict: Verdict, kind: str, what: str = "kd") -> GateEntry:
    return next(e for e in verdict.entries if e.kind == kind and what in e.what)


def changed(results: ResultSet, change: Callable[[EvaluationRecord], EvaluationRecord], loss: str) -> ResultSet:
    """The same run with the evaluations of the students of one loss changed."""
    keys = {e.key for e in results.run.entries if e.role == "student" and e.loss == loss}
    return edited(results, evaluations=lambda record: change(record) if record.trial in keys else record)
