"""The frames of what was recorded, by what the factory of records gives."""

from pathlib import Path

import pytest

import kdbench
from kdbench.results import entry_frame, evaluation_frame
from kdbench.results.frames import curve_frame
from kdbench.spec import UserError
from tests.records import Shape, edited, make_results
from tests.stored import store_results


def test_there_is_a_row_for_every_finished_entry() -> None:
    results = make_results(Shape())
    frame = entry_frame(results)
    assert len(frame) == sum(entry.key in results.trials for entry in results.run.entries)
    row = frame.iloc[0]
    assert row["top1"] == results.trials[row["key"]].test.top1
    assert row["parameters"] == results.trials[row["key"]].model.parameters


def test_teachers_are_not_counted_as_the_student_alone() -> None:
    levels = {"teacher": 0.9, "cross_entropy": 0.5, "kd": 0.7}
    frame = entry_frame(make_results(Shape(accuracy=lambda _, row, seed: levels[row])))
    means = frame.groupby(["pair", "row"])["top1"].mean().round(6)
    assert means.to_dict() == {("big -> small", row): level for row, level in levels.items()}
    assert frame.groupby("loss")["top1"].mean().round(6).to_dict() == {"cross_entropy": 0.5, "kd": 0.7}


def test_the_settings_of_a_sweep_have_columns() -> None:
    frame = entry_frame(make_results(Shape(seeds=1, temperatures=(2.0, 4.0))))
    swept = frame[frame["sweep"] == "kd"].set_index("row")
    assert swept["setting temperature"].to_dict() == {"kd(temperature=2)": 2.0, "kd(temperature=4)": 4.0}
    assert frame["setting temperature"].isna().sum() == len(frame) - 2


def test_curves_have_a_row_for_every_epoch() -> None:
    shape = Shape(seeds=2, epochs=3, readings=lambda row, seed, epoch: {"temperature": epoch} if row == "kd" else {})
    results = make_results(shape)
    frame = curve_frame(results)
    assert len(frame) == (1 + 2 * 2) * (1 + 3)
    one = frame[(frame["row"] == "kd") & (frame["seed"] == 1)]
    assert one["epoch"].tolist() == [0, 1, 2, 3]
    assert one["validation_top1"].tolist() == [
        point.validation_top1 for point in results.trials[one["key"].iloc[0]].curve
    ]
    assert frame.groupby("row")["reading temperature"].count().to_dict() == {"cross_entropy": 0, "kd": 8, "teacher": 0}


def test_a_row_tells_what_training_cost_cached_and_uncached() -> None:
    results = make_results(Shape(seeds=1, losses=("cross_entropy", "kd", "fitnet")))
    frame = entry_frame(results).set_index("loss").query("role == 'student'")
    assert frame["teacher_source"].to_dict() == {"cross_entropy": "none", "kd": "cached", "fitnet": "live"}
    # Own steps 0.80 s, evaluation 0.10 s, data 0.20 s for 3 models, the teacher 0.90 s live and 0.06 s from the cache
    assert frame["alone_seconds"].round(6).to_dict() == {"cross_entropy": 1.1, "kd": 2.0, "fitnet": 2.0}
    assert frame["shared_seconds"].round(6).to_dict() == {"cross_entropy": 0.966667, "kd": 1.026667, "fitnet": 1.866667}
    assert frame.loc["kd", ["processes", "threads", "device"]].tolist() == [2, 1, "cpu"]


def test_a_row_has_a_column_for_each_metric() -> None:
    results = make_results(Shape(metrics=("macro_f1", "balanced_accuracy")))
    first = results.run.entries[0].key
    without = {"scores": {"balanced_accuracy": 0.25}}
    frame = entry_frame(edited(results, evaluations=lambda r: r.model_copy(update=without) if r.trial == first else r))
    assert frame["metric macro_f1"].isna().tolist() == [True] + [False] * (len(frame) - 1)
    assert frame["metric balanced_accuracy"][0] == 0.25
    assert (frame["metric balanced_accuracy"] == frame["top1"] / 3)[1:].all()  # as the factory makes it


def test_evaluations_have_a_row_each() -> None:
    shape = Shape(seeds=1, conditions=("noise", "blur"), metrics=("macro_f1",), variants=("fp32", "fp16"))
    results = make_results(shape)
    frame = evaluation_frame(results)
    assert len(frame) == len(results.evaluations) == 3 * (3 + 1)
    assert frame["condition"].tolist() == ["clean", "noise", "blur", "clean"] * 3
    assert frame["variant"].tolist() == ["fp32", "fp32", "fp32", "fp16"] * 3
    assert frame["largest_drift"].tolist() == [0.0, 0.0, 0.0, 0.05] * 3
    for row in frame.to_dict("records"):
        evaluation = results.evaluations[row["evaluation"]]
        assert (evaluation.trial, evaluation.artifact) == (row["key"], row["artifact"])
        assert row["top1"] == evaluation.predictions.top1
        assert row["metric macro_f1"] == evaluation.scores["macro_f1"]


def test_load_reads_every_suite_of_a_store(tmp_path: Path) -> None:
    results = make_results(Shape(conditions=("noise",)))
    for name in ("one", "two"):
        store_results(tmp_path, results, name=name)
    entries, evaluations = kdbench.load(tmp_path), kdbench.load(tmp_path, rows="evaluations")
    assert set(entries["suite"]) == set(evaluations["suite"]) == {"one", "two"}
    assert len(entries) == 2 * len(entry_frame(results))
    assert len(evaluations) == 2 * len(evaluation_frame(results))


def test_an_empty_store_is_an_error_with_the_next_step(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no results in(?s:.*)kdbench run SUITE"):
        kdbench.load(tmp_path)
