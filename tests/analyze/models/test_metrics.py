"""Means of metrics over seeds and their differences from the student alone, by hand on three seeds."""

import pytest

from kdbench.analyze import summarize
from tests.records import Shape, edited, make_results

VALUES = {"teacher": (9.0,), "cross_entropy": (1.0, 2.0, 3.0), "kd": (2.0, 3.0, 7.0)}


def made(**changes):
    """One pair whose metric 'macro_f1' has these values by loss and seed."""
    results = make_results(Shape(seeds=3, metrics=("macro_f1", "balanced_accuracy"), **changes))
    entries = {e.key: e for e in results.run.entries}

    def value(record):
        entry = entries[record.trial]
        return VALUES["teacher" if entry.role == "teacher" else entry.loss][entry.seed]

    return with_scores(results, lambda record: record.scores | {"macro_f1": value(record)})


def with_scores(results, scores):
    return edited(results, evaluations=lambda record: record.model_copy(update={"scores": scores(record)}))


def rows(results):
    return {"teacher" if row.role == "teacher" else row.row: row for row in summarize(results).metrics}


def test_means_over_seeds_with_student_t_intervals() -> None:
    found = rows(made())
    assert found["teacher"].values["macro_f1"].values == (9.0,)
    assert found["teacher"].values["macro_f1"].interval is None
    kd = found["kd"].values["macro_f1"]
    # Mean 4, SD sqrt((4 + 1 + 9) / 2) = sqrt 7; t(2, .975) = 4.30265: half-width 4.30265 sqrt(7 / 3)
    assert kd.mean == 4.0
    assert kd.interval.high - kd.mean == pytest.approx(4.30265 * (7 / 3) ** 0.5, rel=1e-5)


def test_differences_from_the_student_alone_are_paired_by_seed() -> None:
    found = rows(made())
    assert found["kd"].against_alone["macro_f1"].estimate.values == (1.0, 1.0, 4.0)
    assert found["cross_entropy"].against_alone == {}
    assert found["teacher"].against_alone == {}
    assert rows(made(losses=("kd",)))["kd"].against_alone == {}


def test_a_seed_without_a_figure_is_counted_and_paired_with_nothing() -> None:
    results = made()
    key = next(e.key for e in results.run.entries if (e.role, e.loss, e.seed) == ("student", "kd", 1))
    kept = with_scores(results, lambda r: {k: v for k, v in r.scores.items() if (r.trial, k) != (key, "macro_f1")})
    kd = rows(kept)["kd"]
    assert kd.values["macro_f1"].values == (2.0, 7.0)
    assert kd.against_alone["macro_f1"].seeds == (0, 2)
    assert kd.lacking == {"macro_f1": 1}


def test_a_metric_that_nobody_has_is_lacking_everywhere() -> None:
    found = rows(with_scores(made(), lambda record: {}))
    assert all(row.values == {} for row in found.values())
    assert found["kd"].lacking == {"macro_f1": 3, "balanced_accuracy": 3}


def test_without_metrics_there_are_no_rows() -> None:
    assert rows(make_results()) == {}
