"""Two tasks by hand: which networks of a row belong to which, and what each is compared with."""

from dataclasses import replace

import pytest

from kdbench.analyze import Summary, summarize
from kdbench.results import ResultSet
from kdbench.spec import Trial
from tests.analyze.teaching.stages import with_network
from tests.records import Shape, make_results
from tests.small import small_trial

HEADS = [{"name": "class"}, {"name": "parity", "groups": [[0, 2, 4, 6, 8], [1, 3, 5, 7, 9]]}]
BIG, SMALL = ({"use": "cnn", "options": {"width": width}} for width in (8, 2))


def joint(deploys: str, teacher: str) -> Trial:
    taught = {"loss": "kd", "teachers": [teacher]} if teacher else {"loss": "cross_entropy"}
    lessons = [{**taught, "heads": [head["name"]]} for head in HEADS]
    return small_trial(model=SMALL, heads=HEADS, deploys=deploys, lessons=lessons)


def multitask(results: ResultSet, loss: str, single: tuple[int, int], both: tuple[int, int]) -> ResultSet:
    """The row of this loss with two tasks: right of ten, of class and of parity."""
    for entry in [e for e in results.run.entries if e.role == "student" and e.loss == loss]:
        teacher = "its teacher" if loss == "kd" else ""
        stages = [
            ("class alone", small_trial(model=SMALL), single[0]),
            ("parity alone", small_trial(model=SMALL, heads=HEADS[1:]), single[1]),
            ("parity", joint("parity", teacher), both[1]),
        ]
        stages += [("parity teacher", small_trial(model=BIG, heads=HEADS[1:]), 9)] if teacher else []
        for name, trial, count in stages:
            made = {"role": "stage", "teaching": "multitask", "key": f"{name} of {entry.key}"}
            results = with_network(results, entry.model_copy(update=made), trial, count)
        entries = tuple(e for e in results.run.entries if e is not entry)
        rest = replace(results, run=results.run.model_copy(update={"entries": entries}))
        last = entry.model_copy(update={"teaching": "multitask"})
        results = with_network(rest, last, joint("class", teacher), both[0])
    return results


@pytest.fixture(scope="module")
def summary() -> Summary:
    results = make_results(Shape(seeds=3, losses=("cross_entropy", "kd")))
    return summarize(multitask(multitask(results, "cross_entropy", (4, 5), (3, 6)), "kd", (6, 7), (5, 8)))


def test_a_line_for_every_network_of_every_task(summary: Summary) -> None:
    assert [(row.task, row.kind, row.row.split(",")[0]) for row in summary.tasks if row.kind != "teacher"] == [
        *(("class", kind, loss) for kind in ("single", "joint") for loss in ("cross_entropy", "kd")),
        *(("parity", kind, loss) for kind in ("single", "joint") for loss in ("cross_entropy", "kd")),
    ]
    assert [row.task for row in summary.tasks if row.kind == "teacher"] == ["class", "parity"]
    means = {(row.task, row.kind, row.row.split(",")[0]): row.top1.mean for row in summary.tasks}
    assert means["class", "joint", "kd"] == pytest.approx(0.5)
    assert means["parity", "joint", "cross_entropy"] == pytest.approx(0.6)
    assert means["parity", "teacher", "kd"] == pytest.approx(0.9)


def test_differences(summary: Summary) -> None:
    found = {(row.task, row.kind, row.row.split(",")[0]): row for row in summary.tasks}
    joint_kd = found["parity", "joint", "kd"]
    assert joint_kd.against_alone is not None
    assert joint_kd.against_alone.estimate.mean == pytest.approx(0.8 - 0.5)
    assert joint_kd.against_single is not None
    assert joint_kd.against_single.estimate.mean == pytest.approx(0.8 - 0.7)
    alone = found["class", "single", "cross_entropy"]
    assert alone.against_alone is alone.against_single is None
    assert found["class", "teacher", "kd"].against_alone is None


def test_other_suites_have_no_rows() -> None:
    assert summarize(make_results(Shape(seeds=2))).tasks == ()
