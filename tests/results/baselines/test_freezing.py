"""What is frozen of a run: figures by seed, counts, and ONNX files where latency is gated."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from kdbench.results import Outcome, ResultSet, Store, freeze, load_baseline
from kdbench.results.baselines.freezing import baseline_of, lacking, refuse_part
from kdbench.results.records import ArtifactRecord
from kdbench.spec import Gate, UserError
from tests.records import Shape, edited, make_results
from tests.stored import store_results

LATENCY = Gate(metric="latency", may_rise=0.05)
TIMED = Shape(gates=(LATENCY,), losses=("cross_entropy", "kd"), variants=("fp32", "int8_static"), conditions=("noise",))


def with_hashes(results: ResultSet) -> ResultSet:
    """The hashes and sizes of the files that `store_results` writes."""

    def change(record: ArtifactRecord) -> ArtifactRecord:
        digest = hashlib.sha256(record.key.encode()).hexdigest()
        facts = {"onnx_sha256": digest, "onnx_bytes": len(record.key)}
        return record.model_copy(update={"model": record.model.model_copy(update=facts)})

    return edited(results, artifacts=change)


RESULTS = with_hashes(make_results(TIMED))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return store_results(tmp_path / "results", RESULTS)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_what_is_frozen_is_loaded(store: Store, tmp_path: Path) -> None:
    frozen = freeze(RESULTS, store, tmp_path / "base")
    assert load_baseline(tmp_path / "base", "example") == frozen == baseline_of(RESULTS)
    (student,) = [model for model in frozen.models if model.role == "student"]
    assert names(tmp_path / "base") == {"baseline.json", student.onnx}


def test_a_teachers_file_is_kept_where_that_is_asked_for(store: Store, tmp_path: Path) -> None:
    frozen = freeze(RESULTS, store, tmp_path / "base", teachers=True)
    assert names(tmp_path / "base") == {"baseline.json", *(model.onnx for model in frozen.models)}
    assert len(frozen.models) == 2


def test_no_file_is_kept_where_latency_is_not_gated(tmp_path: Path) -> None:
    results = with_hashes(make_results(replace(TIMED, gates=())))
    freeze(results, store_results(tmp_path / "results", results), tmp_path / "base", teachers=True)
    assert names(tmp_path / "base") == {"baseline.json"}


def test_files_over_the_limit_are_refused_with_what_to_do(store: Store, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"1 ONNX files take .* more than .*\n.*--files, or raise --max-size"):
        freeze(RESULTS, store, tmp_path / "base", largest=15)
    assert not (tmp_path / "base").exists()
    freeze(RESULTS, store, tmp_path / "base", largest=16)  # the bytes of a key


def test_results_without_their_files_are_not_frozen(store: Store, tmp_path: Path) -> None:
    (student,) = [model for model in baseline_of(RESULTS).models if model.role == "student"]
    result = next(r for r in RESULTS.trials.values() if r.model.onnx_sha256 == student.facts.onnx_sha256)
    store.onnx(result.exported.key).unlink()
    with pytest.raises(UserError, match="has no ONNX file of trial"):
        freeze(RESULTS, store, tmp_path / "base")
    assert not (tmp_path / "base").exists()


def test_a_baseline_takes_the_place_of_an_earlier_one_and_of_nothing_else(store: Store, tmp_path: Path) -> None:
    freeze(RESULTS, store, tmp_path / "base")
    (tmp_path / "base" / f"{'0' * 16}.onnx").touch()  # of the earlier baseline alone
    (tmp_path / "base" / "README.md").touch()
    with pytest.raises(UserError, match=r"exists\n.*--replace"):
        freeze(RESULTS, store, tmp_path / "base")
    again = freeze(RESULTS, store, tmp_path / "base", replace=True)
    kept = {"baseline.json", "README.md", *(model.onnx for model in again.models if model.onnx)}
    assert {path.name for path in (tmp_path / "base").iterdir()} == kept
    (tmp_path / "mine").mkdir()
    with pytest.raises(UserError, match="exists and holds no baseline"):
        freeze(RESULTS, store, tmp_path / "mine", replace=True)


def test_nothing_is_not_frozen(store: Store, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no student of suite 'example' finished"):
        freeze(replace(RESULTS, records={}), store, tmp_path / "base")


def test_rows_hold_what_gates_may_ask_for() -> None:
    entry, result = RESULTS.done[-1]
    row = baseline_of(RESULTS).rows[-1]
    assert (row.pair, row.row, row.seed, row.key) == (entry.pair, entry.row, entry.seed, entry.key)
    assert row.test == result.test
    noisy = RESULTS.evaluation(result.exported.key, RESULTS.suite.conditions[0])
    assert noisy is not None
    assert row.conditions == {"noise": noisy.predictions.top1}
    assert row.right_everywhere == (noisy.predictions.correct & result.test.correct).mean()
    (variant,) = [each for each in RESULTS.variants if each.trial == result.key]
    assert row.variants == {variant.label: variant.test.top1}
    assert row.training_seconds == result.alone_seconds
    assert row.data_sha256 == result.record.data_sha256
    assert baseline_of(replace(RESULTS, records={})).rows == ()


def test_without_corruptions_no_share_is_right_everywhere() -> None:
    assert {row.right_everywhere for row in baseline_of(make_results(Shape(conditions=()))).rows} == {None}


def test_a_run_with_failed_trials_is_not_whole_and_one_with_skipped_losses_is() -> None:
    failed = make_results(Shape(outcomes={("big -> small", "kd", 1): Outcome(status="failed", reason="NaN at step 3")}))
    assert lacking(failed) == ["big -> small / kd, seed 1: NaN at step 3"]
    with pytest.raises(UserError, match="is not whole: big -> small / kd, seed 1: NaN at step 3") as caught:
        refuse_part(failed)
    assert "leave it out of the suite, or try it once more (kdbench run example --retry-failed)" in str(caught.value)
    (key,) = {entry.key for entry in failed.run.entries if (entry.row, entry.seed) == ("kd", 1)}
    assert baseline_of(failed).failed == (key,)
    skipped = {("big -> small", "kd", seed): Outcome(status="skipped", reason="no layer") for seed in range(3)}
    refuse_part(make_results(Shape(outcomes=skipped)))


def test_a_run_whose_records_are_gone_is_not_whole() -> None:
    gone = replace(RESULTS, records={})
    assert "its record is not in the store" in lacking(gone)[0]
    with pytest.raises(UserError, match=r"help: run it again \(kdbench run example\); or give --part"):
        refuse_part(gone)


def test_a_part_is_not_whole() -> None:
    part = replace(RESULTS, run=RESULTS.run.model_copy(update={"name": "example@seeds=2"}))
    with pytest.raises(UserError, match="is of a part of its suite: seeds=2"):
        refuse_part(part)
