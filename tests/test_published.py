"""The published records can be read by this kdbench, and are what it would train: their keys are those of today."""

from pathlib import Path

import pytest

from kdbench.analyze import summarize
from kdbench.report import render_report
from kdbench.results import ResultSet, Store, load_suite_results
from kdbench.spec import Trial
from kdbench.spec.planning.entry import REPORTED

STORE = Store(Path(__file__).parent.parent / "results" / "published")

# The largest, and some of the ways of teaching, each with sections of its own; all of them take half a minute.
QUICK = {"losses-fashion", "cifar10-cnn", "efficiency", "federated", "hints", "multitask", "stream"}
RENDERED = [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in STORE.suites()]


@pytest.fixture(scope="module", params=STORE.suites())
def results(request: pytest.FixtureRequest) -> ResultSet:
    return load_suite_results(STORE, request.param)


def test_every_suite_is_whole(results: ResultSet) -> None:
    done = {key for key, outcome in results.run.outcomes.items() if outcome.status == "done"}
    assert results.records.keys() == done
    assert (
        results.trials.keys()
        == {entry.key for entry in results.run.entries if entry.role not in ("step", "try")} & done
    )
    assert len(results.artifacts) == len(results.run.artifacts)
    assert len(results.evaluations) == len(results.run.evaluations)
    assert len(results.latencies) == len(results.run.latencies)
    assert len(results.throughputs) == len(results.run.throughputs)
    reported = {entry.key for entry in results.run.entries if entry.role in REPORTED}
    for condition in results.suite.conditions:
        exported = (trial.exported.key for key, trial in results.trials.items() if key in reported)
        assert all(results.evaluation(key, condition) for key in exported)


@pytest.mark.parametrize("results", RENDERED, indirect=True)
def test_reports_fit_where_they_are_read(results: ResultSet, tmp_path: Path) -> None:
    summary = summarize(results)
    render_report(summary, tmp_path)
    size = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert size["report.md"] < 60_000
    assert size["summary.md"] < 4_000
    assert size["index.html"] <= (1e6 if len(summary.trained_models) <= 180 else 2e6)
    text = (tmp_path / "index.html").read_text("utf-8")
    assert text.count("Understanding this plot") == text.count('<svg class="plot"')


def test_keys_are_the_content_under_the_recipe_of_today(results: ResultSet) -> None:
    for key, record in results.records.items():
        trial = Trial.model_validate(record.trial)
        assert key == trial.key
        assert all(parent in results.records for parent in trial.parents)
