"""Baselines: what is frozen of a run, and which networks of a later one are held against which."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from kdbench.results import ResultSet, freeze, load_baseline
from kdbench.results.baseline import (
    Baseline,
    BaselineError,
    baseline_of,
    counterparts,
    deployed_models,
    follow_pairs,
    moved_pairs,
    title_of,
)
from kdbench.results.records import ArtifactRecord
from kdbench.spec import UserError
from tests.records import Shape, edited, make_results
from tests.stored import store_results


def projected(results: ResultSet, *losses: str) -> ResultSet:
    """The students of these losses are deployed as a network of their own each, as SimKD's are."""
    loss = {entry.key: entry.loss for entry in results.run.entries if entry.role == "student"}

    def change(record: ArtifactRecord) -> ArtifactRecord:
        name = loss.get(record.trial)
        facts = {"architecture": f"of {name}"} if name in losses else {}
        return record.model_copy(update={"model": record.model.model_copy(update=facts)})

    return edited(results, artifacts=change)


def with_hashes(results: ResultSet) -> ResultSet:
    """The hashes of the files that `store_results` writes."""

    def change(record: ArtifactRecord) -> ArtifactRecord:
        digest = {"onnx_sha256": hashlib.sha256(record.key.encode()).hexdigest()}
        return record.model_copy(update={"model": record.model.model_copy(update=digest)})

    return edited(results, artifacts=change)


PLAIN = make_results(Shape(losses=("cross_entropy", "kd", "simkd")))
WITH_SIMKD = projected(PLAIN, "simkd")


def test_one_model_for_each_architecture_of_a_pair_and_role() -> None:
    places = [(each.role, each.rows) for each in deployed_models(WITH_SIMKD)]
    assert places == [
        ("teacher", ("cross_entropy",)),
        ("student", ("cross_entropy", "kd")),
        ("student", ("simkd",)),
    ]
    assert [(model.role, model.rows) for model in baseline_of(WITH_SIMKD).models] == places


def test_a_row_is_held_against_the_architecture_that_it_had() -> None:
    _, plain, simkd = baseline_of(WITH_SIMKD).models
    assert [each.rows for each in counterparts(plain, WITH_SIMKD)] == [("cross_entropy", "kd")]
    assert [each.rows for each in counterparts(simkd, WITH_SIMKD)] == [("simkd",)]
    changed = projected(PLAIN, "simkd", "kd")
    assert [each.rows for each in counterparts(plain, changed)] == [("cross_entropy",), ("kd",)]
    assert [each.rows for each in counterparts(simkd, PLAIN)] == [("simkd",)]
    assert counterparts(simkd, make_results()) == []


@pytest.mark.parametrize(
    ("rows", "title"),
    [
        (("kd",), "p / student / kd"),
        (("kd", "dkd"), "p / student / kd and 1 more row"),
        (("kd", "dkd", "dist"), "p / student / kd and 2 more rows"),
    ],
)
def test_titles(rows: tuple[str, ...], title: str) -> None:
    assert title_of("p", "student", rows) == title


def test_what_is_frozen_is_loaded(tmp_path: Path) -> None:
    results = with_hashes(WITH_SIMKD)
    store = store_results(tmp_path / "results", results)
    frozen = freeze(results, store, tmp_path / "base")
    assert load_baseline(tmp_path / "base", "example") == frozen == baseline_of(results)
    assert {path.name for path in (tmp_path / "base").iterdir()} == {
        "baseline.json",
        *(model.onnx for model in frozen.models),
    }


def test_results_without_their_files_are_not_frozen(tmp_path: Path) -> None:
    store = store_results(tmp_path / "results", PLAIN)
    store.onnx(next(iter(PLAIN.trials.values())).exported.key).unlink()
    with pytest.raises(UserError, match="has no ONNX file for trial"):
        freeze(PLAIN, store, tmp_path / "base")
    assert not (tmp_path / "base").exists()


def test_nothing_is_not_frozen(tmp_path: Path) -> None:
    store = store_results(tmp_path / "results", PLAIN)
    with pytest.raises(UserError, match="no trial of suite 'example' finished"):
        freeze(replace(PLAIN, records={}), store, tmp_path / "base")


def test_an_older_baseline_is_refused(tmp_path: Path) -> None:
    older = baseline_of(PLAIN).model_copy(update={"classes": 0})
    (tmp_path / "baseline.json").write_text(older.model_dump_json())
    with pytest.raises(BaselineError, match="of an older kdbench"):
        load_baseline(tmp_path, "example")


def test_rows_keep_their_place_in_the_suite() -> None:
    entry, result = PLAIN.done[-1]
    row = baseline_of(PLAIN).rows[-1]
    assert (row.pair, row.row, row.seed, row.key) == (entry.pair, entry.row, entry.seed, entry.key)
    assert row.top1 == result.test.top1
    assert isinstance(Baseline.model_validate_json(baseline_of(PLAIN).model_dump_json()), Baseline)
    assert baseline_of(replace(PLAIN, records={})).rows == ()


def named(*pairs: tuple[str, str]) -> ResultSet:
    return make_results(Shape(pairs=pairs))


@pytest.mark.parametrize(
    ("now", "moved"),
    [
        ([("big", "small")], {}),  # fewer pairs: which of them is gone is not known
        ([("big", "small"), ("big", "tiny")], {}),
        ([("big", "wide"), ("big", "tiny")], {"big -> small": "big -> wide"}),
        ([("big", "tiny"), ("huge", "wide")], {"big -> small": "huge -> wide"}),
    ],
)
def test_a_pair_is_the_same_where_its_networks_change(now: list[tuple[str, str]], moved: dict[str, str]) -> None:
    before = named(("big", "small"), ("big", "tiny"))
    assert moved_pairs(before.suite, named(*now).suite) == moved


def test_a_baseline_is_held_against_a_pair_whose_student_has_changed() -> None:
    now = named(("big", "wide"))
    frozen = baseline_of(named(("big", "small")))
    assert not any(counterparts(model, now) for model in frozen.models)
    followed = follow_pairs(frozen, now.suite)
    assert all(counterparts(model, now) for model in followed.models)
    assert {row.pair for row in followed.rows} == {"big -> wide"}
    assert follow_pairs(frozen, named(("big", "small")).suite) == frozen
