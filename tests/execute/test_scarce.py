"""Few samples, run for real: what is trained on what, and the report."""

from pathlib import Path

import pytest

from kdbench.analyze import Summary, summarize
from kdbench.report import render_report
from kdbench.results import Store, load_suite_results
from tests.execute.running import place, run
from tests.small import small_suite

SHARES = {"grid": [0.05, 0.2]}
WAYS = ["single", {"use": "scarce", "share": SHARES}, {"use": "scarce", "share": SHARES, "teacher": "part"}]
UNLABELLED = {"use": "scarce", "share": SHARES, "rest": "unlabelled"}


@pytest.fixture(scope="module")
def summary(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    root = tmp_path_factory.mktemp("scarce")
    train = {"epochs": 2, "batch_size": 64}
    run(small_suite(teaching=[*WAYS, UNLABELLED], train=train, latency={"batch_sizes": []}), place(root))
    return summarize(load_suite_results(Store(root), "small"))


def test_every_row_has_its_samples_and_its_control(summary: Summary) -> None:
    assert summary.trouble == ()
    assert [(curve.loss, curve.under) for curve in summary.scarce] == [
        ("cross_entropy", ""),
        ("kd", ""),
        ("kd", "teacher=part"),
        ("kd", "rest=unlabelled"),
    ]
    # Digits have 1,438 training samples, of which 1,293 remain beside validation: 5 % and 20 % of each class.
    samples = {tuple(point.samples for point in curve.points) for curve in summary.scarce}
    assert len(samples) == 1
    few, more, all_of_them = samples.pop()
    assert (few, more) == (pytest.approx(0.05 * all_of_them, abs=5), pytest.approx(0.2 * all_of_them, abs=5))
    taught = [row for row in summary.students if row.teaching and not row.alone]
    assert all(row.gain for row in taught)


def test_students_on_all_samples_are_the_usual_ones(summary: Summary) -> None:
    last = [curve.points[-1].row.row for curve in summary.scarce]
    assert last == ["cross_entropy", "kd", "kd", "kd"]


def test_the_report_draws_accuracy_by_samples(summary: Summary, tmp_path: Path) -> None:
    for page in render_report(summary, tmp_path):
        text = page.read_text("utf-8")
        assert "Few samples" in text
        assert "test top-1 of 'kd' by labelled training samples" in text.replace("&#39;", "'")
