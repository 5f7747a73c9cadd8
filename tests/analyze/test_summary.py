"""What a summary holds: rows in order, trouble with its reason, notes of the run."""

from dataclasses import replace

import pytest

from kdbench.analyze import summarize
from kdbench.results import Layout, Outcome
from tests.records import Shape, edited, make_results, with_largest_class


def test_notes_and_layouts_of_the_run_are_kept() -> None:
    results = make_results()
    layout = Layout(processes=2, threads=1, epoch_seconds=1.5, seconds=30.0)
    run = results.run.model_copy(update={"notes": ("no room",), "layouts": (layout,)})
    summary = summarize(replace(results, run=run))
    assert (summary.notes, summary.layouts) == (("no room",), (layout,))


def test_failed_and_skipped_trials_are_kept_with_their_reasons():
    outcomes = {
        ("big -> small", "kd", 1): Outcome(status="failed", reason="NaN"),
        ("big -> small", "kd", 2): Outcome(status="skipped", reason="no teacher"),
    }
    summary = summarize(make_results(Shape(outcomes=outcomes)))
    assert [(t.row, t.seed, t.status, t.reason) for t in summary.trouble] == [
        ("kd", 1, "failed", "NaN"),
        ("kd", 2, "skipped", "no teacher"),
    ]
    assert [len(row.seeds) for row in summary.students] == [3, 1]
    assert summary.students[1].gain.seeds == (0,)


def test_a_loss_without_any_result_is_only_trouble():
    outcomes = {("big -> small", "kd", s): Outcome(status="failed", reason=None) for s in range(3)}
    summary = summarize(make_results(Shape(outcomes=outcomes)))
    assert [row.loss for row in summary.students] == ["cross_entropy"]
    assert {t.reason for t in summary.trouble} == {"no reason was recorded"}


def test_an_entry_without_outcome_is_missing_not_forgotten():
    results = make_results()
    key = results.run.entries[-1].key
    outcomes = {k: v for k, v in results.run.outcomes.items() if k != key}
    run = results.run.model_copy(update={"outcomes": outcomes})
    left = edited(results, trials=lambda record: None if record.key == key else record)
    (trouble,) = summarize(replace(left, run=run)).trouble
    assert trouble.status == "missing"


def test_nothing_finished():
    outcomes = {
        ("big -> small", loss, s): Outcome(status="failed", reason="x")
        for loss in ("teacher", "cross_entropy", "kd")
        for s in range(3)
    }
    summary = summarize(make_results(Shape(outcomes=outcomes)))
    assert summary.models == ()
    assert len(summary.trouble) == summary.entries == 7
    assert (summary.reference, summary.test_samples) == (None, None)


def test_missing_latency_falls_back_to_flops_and_says_so():
    summary = summarize(make_results(Shape(latency=False)))
    assert summary.reference is None
    assert all(row.p50_microseconds is None for row in summary.models)
    assert all(model.not_measured[0].reason.startswith("asked for") for model in summary.deployed)
    assert any(row.pareto for row in summary.models)


def test_unmeasured_provider_keeps_its_reason():
    summary = summarize(make_results(Shape(not_measured=(("cuda", "no such provider"),))))
    assert [(m.how.provider, m.reason) for d in summary.deployed for m in d.not_measured] == [
        ("cuda", "no such provider")
    ] * 2
    assert summary.reference.how.provider == "cpu"


@pytest.mark.parametrize(("most", "told"), [(None, None), (1500, None), (1501, 0.1501), (9000, 0.9)])
def test_the_largest_class_is_told_where_it_is_clearly_larger(most, told):
    # Of 10,000 samples of 10 classes: from 15 % on, 5 points or half more than the mean class.
    assert summarize(with_largest_class(make_results(), most)).largest_class == told


@pytest.mark.parametrize(("classes", "even", "uneven"), [(2, 0.55, 0.551), (100, 0.015, 0.0151)])
def test_of_two_classes_points_count_and_of_a_hundred_shares(classes, even, uneven):
    summary = replace(summarize(make_results()), classes=classes)
    assert replace(summary, chance=even).largest_class is None
    assert replace(summary, chance=uneven).largest_class == uneven
