"""Rows that deploy one head of a joint network: their differences, by hand."""

from dataclasses import replace

import pytest

from kdbench.analyze import Summary, summarize
from kdbench.results import ResultSet
from kdbench.spec import Trial
from tests.records import Shape, make_results
from tests.small import small_trial

LEVEL = {"cross_entropy": 0.70, "kd": 0.80, "label_smoothing": 0.75, "teacher": 0.9}
INNER = {"use": "mlp", "options": {"hidden": [8]}}


def joint(head: str) -> Trial:
    model = {"use": "exits", "options": {"of": INNER, "at": ["first"]}}
    lessons = [{"loss": "cross_entropy", "heads": [name]} for name in ("exit 1", "exit 2")]
    heads = [{"name": "exit 1"}, {"name": "exit 2"}]
    return small_trial(model=model, heads=heads, lessons=lessons, deploys=[head])


def with_heads(results: ResultSet, heads: dict[str, str]) -> ResultSet:
    """The same, where rows under these losses deploy a head."""
    trials = {
        entry.key: joint(heads[entry.loss])
        for entry in results.run.entries
        if entry.role == "student" and entry.loss in heads
    }
    records = {
        key: record.model_copy(update={"trial": trials.get(key, record.trial)})
        for key, record in results.records.items()
    }
    return replace(results, records=records)


def summary(heads: dict[str, str]) -> Summary:
    shape = Shape(seeds=3, losses=tuple(LEVEL)[:3], accuracy=lambda pair, row, seed: LEVEL[row], samples=1000)
    return summarize(with_heads(make_results(shape), heads))


def test_rows_with_their_heads_against_labels_and_alone() -> None:
    kd, smoothing = summary({"kd": "exit 1", "label_smoothing": "exit 2"}).heads
    assert (kd.row, kd.network, kd.head) == ("kd", "exits", "exit 1")
    assert (smoothing.row, smoothing.head) == ("label_smoothing", "exit 2")
    assert kd.top1.mean == pytest.approx(0.8)
    assert kd.against_alone is not None
    assert kd.against_alone.estimate.mean == pytest.approx(0.1)
    assert smoothing.against_alone is not None
    assert smoothing.against_alone.estimate.mean == pytest.approx(0.05)


def test_a_head_that_learnt_from_labels_is_not_compared_with_itself() -> None:
    (row,) = summary({"cross_entropy": "exit 1"}).heads
    assert row.against_labels is None


def test_suites_whose_students_learn_each_for_itself_have_no_rows() -> None:
    assert summary({}).heads == ()
