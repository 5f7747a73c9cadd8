"""A run and its records as one value."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from kdbench.results import Store, load_run, load_suite_results
from kdbench.spec import NamedChoice, UserError
from tests.records import Shape, edited, make_results
from tests.stored import store_results

EVERYTHING = Shape(
    ties=True,
    throughput=True,
    conditions=("noise", "blur"),
    metrics=("macro_f1", "balanced_accuracy"),
    variants=("fp32", "int8_static"),
    batch_sizes=(1, 32),
)


def test_a_run_comes_back_with_all_its_records(tmp_path: Path) -> None:
    results = make_results(EVERYTHING)
    store_results(tmp_path, results)
    found = load_suite_results(Store(tmp_path), "example")
    assert found == results
    assert all((found.records, found.artifacts, found.evaluations, found.latencies, found.throughputs))
    assert found.trials == results.trials
    assert len(found.trials) == len(found.variants) == 7


def test_only_what_the_run_names_is_read(tmp_path: Path) -> None:
    results = make_results(EVERYTHING)
    store = store_results(tmp_path, results)
    one = results.run.artifacts[0]
    run = results.run.model_copy(
        update={"latencies": results.run.latencies[:1], "artifacts": (one,), "evaluations": ()}
    )
    found = load_run(store, run)
    assert found.latencies == results.latencies[:1]
    assert (list(found.artifacts), found.evaluations) == ([one], {})
    assert found.trials == {}  # a file without its evaluation is no result
    assert found.records == results.records


def test_what_was_removed_from_the_store_is_left_out(tmp_path: Path) -> None:
    results = make_results(EVERYTHING)
    store = store_results(tmp_path, results)
    trial, other = list(results.trials)[:2]
    shutil.rmtree(store.trial_folder(trial))
    shutil.rmtree(store.artifact_folder(results.trials[other].exported.key))
    (tmp_path / Store.LATENCY / f"{results.run.latencies[0]}.json").unlink()
    found = load_suite_results(store, "example")
    assert found.trials.keys() == results.trials.keys() - {trial, other}
    assert {variant.trial for variant in found.variants} == found.trials.keys()
    assert found.latencies == results.latencies[1:]
    timed, exported = results.run.latencies[0], results.trials[other].exported.key
    assert found.lost == (f"trials/{trial}", f"artifacts/{exported}", f"latency/{timed}")
    assert found.lost_told == (
        f"Records of this run are missing in the results folder: {', '.join(found.lost)}. "
        "Figures and verdicts do without them; to make them anew: kdbench run example"
    )
    for key in results.run.evaluations[:2]:
        store.remove(Store.EVALUATIONS, key)
    assert " and 2 more. " in load_suite_results(store, "example").lost_told


def test_records_without_their_files_are_read(tmp_path: Path) -> None:
    results = make_results(EVERYTHING)
    store = store_results(tmp_path, results)
    for path in [*tmp_path.rglob(Store.WEIGHTS), *tmp_path.rglob(Store.ONNX)]:
        path.unlink()
    assert load_suite_results(store, "example") == results


def test_a_step_has_a_record_and_is_no_trial_of_a_row() -> None:
    results = make_results(Shape(seeds=1))
    step = results.run.entries[0].key
    left = edited(results, artifacts=lambda record: None if record.trial == step else record)
    assert step in left.records
    assert left.trials.keys() == results.trials.keys() - {step}


def test_a_trial_is_its_training_its_file_and_its_clean_evaluation() -> None:
    results = make_results(EVERYTHING)
    for key, trial in results.trials.items():
        assert trial.record is results.records[key]
        assert trial.exported.artifact.variant == {"use": "fp32"}
        assert trial.exported.clean.condition is None
        assert (trial.exported.trial, trial.exported.clean.trial) == (key, key)
    assert {variant.label for variant in results.variants} == {"int8_static"}


def test_evaluations_are_found_by_what_the_condition_is() -> None:
    results = make_results(EVERYTHING)
    file = next(iter(results.trials.values())).exported
    noise = next(condition for condition in results.suite.conditions if condition.label == "noise")
    renamed = NamedChoice(**noise.model_dump(exclude={"name"}), name="grain")
    assert results.evaluation(file.key) == file.clean
    assert results.evaluation(file.key, renamed) == results.evaluation(file.key, noise) != file.clean
    assert results.evaluation("another", noise) is None


def test_scores_have_the_names_of_the_suite_that_asks() -> None:
    results = make_results(EVERYTHING)
    suite = dict(results.run.suite)
    suite["metrics"] = [{**suite["metrics"][0], "name": "F1"}, *suite["metrics"][1:]]
    renamed = replace(results, run=results.run.model_copy(update={"suite": suite}))
    clean = next(iter(results.trials.values())).exported.clean
    assert renamed.scores(clean) == {"F1": clean.scores["macro_f1"], "balanced_accuracy": clean.predictions.top1 / 3}


def test_a_run_of_another_version_is_told() -> None:
    results = make_results()
    suite = {**results.run.suite, "latency": {"batch_sizes": [1], "seconds": 0.5}}
    changed = replace(results, run=results.run.model_copy(update={"suite": suite}))
    with pytest.raises(UserError, match=r"of another version of kdbench(?s:.*)kdbench run example"):
        _ = changed.suite


def test_trials_of_unlike_data_are_not_compared(tmp_path: Path) -> None:
    store = store_results(tmp_path, make_results())
    first, *_ = store.latest_run("example").outcomes
    path = store.trial_folder(first) / Store.TRIAL
    path.write_text(path.read_text("utf-8").replace("0" * 64, "1" * 64), "utf-8")
    with pytest.raises(UserError, match="of suite 'example' are of unlike data: it has changed between"):
        load_suite_results(store, "example")


def test_chance_is_that_of_always_saying_the_largest_class() -> None:
    """Of 200 samples 180 are of one class: 90 % right is no more than not to look."""
    (_, result), *_ = make_results().done
    assert result.chance == 1 / 10  # of a record that does not tell
    samples = result.test.samples
    test = result.test.model_copy(update={"most_common": round(0.9 * samples)})
    clean = result.exported.clean.model_copy(update={"predictions": test})
    uneven = replace(result, exported=replace(result.exported, clean=clean))
    assert uneven.chance == pytest.approx(0.9)
