"""The published records can be read by this kdbench, and are those of recipe 1 under keys of today's form."""

from pathlib import Path

import pytest

from kdbench.results import ResultSet, Store, load_suite_results
from kdbench.results.carry_over import OLD_RECIPE
from kdbench.spec import Trial, content_key
from kdbench.spec.keys import record_content

STORE = Store(Path(__file__).parent.parent / "results" / "published")


@pytest.fixture(scope="module", params=["fashion", "losses-fashion", "quickstart"])
def results(request: pytest.FixtureRequest) -> ResultSet:
    return load_suite_results(STORE, request.param)


def test_every_suite_is_whole(results: ResultSet) -> None:
    done = {key for key, outcome in results.run.outcomes.items() if outcome.status == "done"}
    assert results.trials.keys() == results.records.keys() == done
    assert len(results.artifacts) == len(results.run.artifacts)
    assert len(results.evaluations) == len(results.run.evaluations)
    assert len(results.latencies) == len(results.run.latencies)
    assert len(results.throughputs) == len(results.run.throughputs)
    for condition in results.suite.conditions:
        assert all(results.evaluation(trial.exported.key, condition) for trial in results.trials.values())


def test_keys_are_the_content_with_the_old_recipe(results: ResultSet) -> None:
    for key, record in results.records.items():
        trial = Trial.model_validate(record.trial)
        assert key == content_key({"recipe": OLD_RECIPE, **record_content(trial)}) != trial.key
        assert all(parent in results.records for parent in trial.parents)
