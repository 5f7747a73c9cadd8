"""Ways of teaching, run for real: planned, trained, resumed, cached, reported and gated like any other trial."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from kdbench import api
from kdbench.analyze import judge, summarize
from kdbench.report import render_report
from kdbench.results import ResultSet, RunRecord, Store, freeze, load_baseline, load_suite_results
from kdbench.spec import Suite, Trial
from tests.execute.running import place, run
from tests.small import small_suite

pytestmark = pytest.mark.usefixtures("short_rounds")

WAYS = ["single", {"use": "ensemble", "count": 2}, {"use": "generations", "count": 3}]
SHARED = {"epochs": 2, "batch_size": 64, "views": "shared"}


def taught(teaching: Sequence[object] = tuple(WAYS), **changes: object) -> Suite:
    content = {"losses": ["cross_entropy", "kd", "fitnet"], "train": SHARED, "latency": {"batch_sizes": []}}
    return small_suite(teaching=list(teaching), **{**content, **changes})


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, short_rounds: None) -> Path:
    root = tmp_path_factory.mktemp("taught")
    run(taught(), place(root))
    return root


@pytest.fixture(scope="module")
def results(done: Path) -> ResultSet:
    return load_suite_results(Store(done), "small")


def keys(record: RunRecord, row: str, role: str = "student") -> list[str]:
    return [entry.key for entry in record.entries if (entry.row, entry.role) == (row, role)]


def test_every_way_is_trained(results: ResultSet) -> None:
    assert {entry.row for entry in results.run.entries if entry.role == "student"} == {
        "cross_entropy",
        *(f"{loss}{way}" for loss in ("kd", "fitnet") for way in ("", ", ensemble(count=2)", ", generations(count=3)")),
    }
    left = {results.run.outcomes[entry.key].status: entry.row for entry in results.run.entries}
    assert left == {"done": left["done"], "skipped": "fitnet, ensemble(count=2)"}
    bits = {
        (row, seed): results.trials[key].test.correct_bits
        for row in ("kd", "kd, ensemble(count=2)", "kd, generations(count=3)")
        for seed, key in enumerate(keys(results.run, row))
    }
    assert len(set(bits.values())) == len(bits)


def test_a_loss_that_reads_layers_is_skipped_under_several_teachers(results: ResultSet) -> None:
    (reason,) = {results.run.outcomes[key].reason for key in keys(results.run, "fitnet, ensemble(count=2)")}
    assert reason
    assert reason.startswith("it reads layers of one teacher, and 2 teach together: give combine")


def test_steps_are_trained_and_nothing_more(done: Path, results: ResultSet) -> None:
    store = Store(done)
    steps = {entry.key for entry in results.run.entries if entry.role == "step"}
    reported = {entry.key for entry in results.run.entries if entry.role != "step"}
    only_steps = steps - reported  # the first generation is the usual student
    assert len(only_steps) == 2 * 2
    exported = {artifact.trial for artifact in results.artifacts.values()}
    for key in only_steps:
        assert store.is_trained(key)
        assert key not in exported
    assert exported == {key for key in reported if results.run.outcomes[key].status == "done"}


def test_each_generation_learns_from_the_one_before(results: ResultSet, done: Path) -> None:
    store = Store(done)
    for last in keys(results.run, "kd, generations(count=3)"):
        chain = []
        key = last
        while parents := Trial.model_validate(store.read_trial(key).trial).teachers:
            (key,) = parents
            chain.append(key)
        assert len(chain) == 3
        assert chain[-1] in keys(results.run, "cross_entropy", "teacher")
        assert chain[-2] in keys(results.run, "kd")


def test_a_generation_agrees_with_the_one_before_although_that_is_not_exported(results: ResultSet) -> None:
    for key in keys(results.run, "kd, generations(count=3)"):
        agreement = results.trials[key].agreement
        assert agreement
        assert 0.5 < agreement.top1 <= 1


def test_teachers_of_an_ensemble_are_read_from_the_caches_that_others_filled(results: ResultSet, done: Path) -> None:
    (first, second) = (results.trials[key].training for key in keys(results.run, "kd, ensemble(count=2)"))
    assert (first.teacher, second.teacher) == ("cached", "cached")
    teachers = {key for entry in results.run.entries for key in _teachers(Store(done), results, entry.key)}
    caches = [path for path in (done / "cache").iterdir() if path.is_dir()]
    assert len(caches) == len(teachers)


def _teachers(store: Store, results: ResultSet, key: str) -> tuple[str, ...]:
    done = results.run.outcomes[key].status == "done"
    return Trial.model_validate(store.read_trial(key).trial).teachers if done else ()


def test_running_again_trains_nothing(done: Path, results: ResultSet) -> None:
    record, _ = run(taught(), place(done))
    assert record.run_id == results.run.run_id  # the earlier record stands


def test_a_step_that_a_row_reports_later_is_exported_and_not_trained_again(tmp_path: Path) -> None:
    where = place(tmp_path)
    run(taught([{"use": "generations", "count": 2}], losses=["kd"], seeds=1), where)
    record, _ = run(taught(["single", {"use": "generations", "count": 2}], losses=["kd"], seeds=1), where)
    assert record.trained == ()
    (key,) = keys(record, "kd")
    assert load_suite_results(Store(tmp_path), "small").trials[key].test.samples == 359


def test_the_report_has_a_row_for_every_way(results: ResultSet, tmp_path: Path) -> None:
    summary = summarize(results)
    assert [row.name[2] for row in summary.students] == [
        "cross_entropy",
        "kd",
        "kd, ensemble(count=2)",
        "kd, generations(count=3)",
        "fitnet",
        "fitnet, generations(count=3)",
    ]
    for page in render_report(summary, tmp_path):
        text = page.read_text("utf-8")
        assert "kd, ensemble(count=2)" in text
        assert "it reads layers of one teacher, and 2 teach together" in text


def test_the_gate_tells_rows_by_their_way_of_teaching(results: ResultSet, done: Path, tmp_path: Path) -> None:
    freeze(results, Store(done), tmp_path / "frozen")
    baseline = load_baseline(tmp_path / "frozen", "small")
    verdict = judge(baseline, results, [])
    judged = {entry.what: entry.status for entry in verdict.entries if entry.kind == "top1"}
    ways = [what for what in judged if "ensemble" in what or "generations" in what]
    assert len(ways) == 3
    assert set(judged.values()) == {"pass"}


def test_the_plan_of_a_suite_is_the_same_as_python_writes_it() -> None:
    plan = api.plan(taught())
    again = Suite.model_validate(plan.suite.model_dump(mode="json"))
    assert api.plan(again).trials == plan.trials
