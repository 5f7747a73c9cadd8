"""A stream and several tasks in miniature, run for real: stages are exported and evaluated by head, and not timed."""

import pytest

from kdbench.analyze import summarize
from kdbench.report.sections.teaching.streams import streams_section
from kdbench.report.sections.teaching.tasks import tasks_section
from kdbench.results import ResultSet, Store, load_suite_results
from tests.execute.running import place, run
from tests.small import small_suite

LOSSES = ("cross_entropy", "kd")
STREAM = {"use": "stream", "tasks": 2}
HELD = {"use": "stream", "name": "held", "tasks": 2, "consolidation": 5.0}
PARITY = {"use": "multitask", "name": "parity", "groups": [[0, 2, 4, 6, 8], [1, 3, 5, 7, 9]], "task": "parity"}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> ResultSet:
    root = tmp_path_factory.mktemp("stages")
    train = {"epochs": 1, "batch_size": 64, "views": "shared"}
    run(small_suite(teaching=[STREAM, PARITY, HELD], seeds=1, train=train, latency={"batch_sizes": []}), place(root))
    return load_suite_results(Store(root), "small")


def test_a_network_with_several_heads_is_evaluated_by_head(results: ResultSet) -> None:
    students = [entry.key for entry in results.run.entries if entry.role == "student" and "stream" in entry.teaching]
    assert len(students) == 2
    for key in students:
        first, second = (results.by_head[key][f"task {task}"] for task in (1, 2))
        whole = results.trials[key].test
        assert first.predictions.samples + second.predictions.samples == whole.samples == 359
        right = sum(each.predictions.samples * (each.top1_among_all or 0) for each in (first, second))
        assert right == pytest.approx(whole.correct.sum())
        for each in (first, second):  # a sample that wins among all columns wins among those of its head
            assert each.top1_among_all is not None
            assert each.predictions.top1 >= each.top1_among_all


def test_columns_of_classes_not_yet_seen_do_not_answer(results: ResultSet) -> None:
    entries = [entry for entry in results.run.entries if entry.role == "stage" and "stream" in entry.teaching]
    stages = {entry.key: entry.position for entry in entries}
    assert sorted(stages.values()) == [0, 1, 1]
    for key, position in stages.items():
        trial = results.trials[key]
        heads = trial.record.task.heads
        assert len(heads) == (1 if position else 2)
        assert (trial.test.samples < 359) == bool(position)
    (untrained,) = (key for key, position in stages.items() if not position)
    assert results.by_head.keys() >= {untrained}


def test_weights_that_are_held_are_other_weights(results: ResultSet) -> None:
    """Importance is measured on the samples of the earlier task, which the later trial does not have."""
    rows = {entry.row: results.trials[entry.key] for entry in results.run.entries if entry.role == "student"}
    plain, held = (rows[f"cross_entropy, {way}"] for way in ("stream(tasks=2)", "held"))
    assert plain.record.weights_sha256 != held.record.weights_sha256
    assert [len(each.trial.anchors) for each in (plain, held)] == [0, 1]


def test_the_other_head_of_a_joint_student_is_taken_out_of_its_weights(results: ResultSet) -> None:
    found = {
        (entry.role, entry.position, entry.loss): entry.key for entry in results.run.entries if "parity" in entry.row
    }
    joint, other = (results.trials[found[role, 3, "kd"]] for role in ("student", "stage"))
    assert joint.record.weights_sha256 == other.record.weights_sha256
    plain = results.trials[found["stage", 2, "kd"]]
    assert [head.name for head in other.record.task.heads] == ["parity"]
    assert other.model.parameters < joint.model.parameters
    assert joint.model.architecture in {trial.model.architecture for _, trial in results.done}
    assert plain.test.samples == other.test.samples == 359


def test_stages_are_in_no_row_and_have_sections(results: ResultSet) -> None:
    rows = {entry.key for entry, _ in results.done}
    only = {entry.key for entry in results.run.entries if entry.role == "stage"} - rows
    assert only
    assert {entry.key for entry, _ in results.done if entry.role == "student"} & only == set()
    summary = summarize(results)
    assert {row.row for row in summary.streams} == {
        "cross_entropy",
        *(f"{loss}, {way}" for loss in LOSSES for way in ("stream(tasks=2)", "held")),
    }
    assert {(row.task, row.kind) for row in summary.tasks} == {
        (task, kind) for task in ("class", "parity") for kind in ("teacher", "single", "joint")
    }
    assert streams_section(summary).filled
    assert tasks_section(summary).filled
