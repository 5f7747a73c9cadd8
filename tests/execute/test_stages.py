"""A stream and several tasks in miniature, run for real: stages are exported and evaluated by head, and not timed."""

import pytest

from kdbench.results import ResultSet, Store, load_suite_results
from tests.execute.running import place, run
from tests.small import small_suite

STREAM = {"use": "stream", "tasks": 2}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> ResultSet:
    root = tmp_path_factory.mktemp("stages")
    train = {"epochs": 1, "batch_size": 64, "views": "shared"}
    run(small_suite(teaching=[STREAM], seeds=1, train=train, latency={"batch_sizes": []}), place(root))
    return load_suite_results(Store(root), "small")


def test_a_network_with_several_heads_is_evaluated_by_head(results: ResultSet) -> None:
    students = [entry.key for entry in results.run.entries if entry.role == "student" and entry.teaching]
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
    stages = {entry.key: entry.position for entry in results.run.entries if entry.role == "stage"}
    assert sorted(stages.values()) == [0, 1, 1]
    for key, position in stages.items():
        trial = results.trials[key]
        heads = trial.record.task.heads
        assert len(heads) == (1 if position else 2)
        assert (trial.test.samples < 359) == bool(position)
    (untrained,) = (key for key, position in stages.items() if not position)
    assert results.by_head.keys() >= {untrained}


def test_stages_are_in_no_row(results: ResultSet) -> None:
    rows = {entry.key for entry, _ in results.done}
    assert not rows & {entry.key for entry in results.run.entries if entry.role == "stage"}
