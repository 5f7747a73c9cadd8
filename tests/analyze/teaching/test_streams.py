"""Two tasks by hand, in tenths: what the student knew of each after each."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pytest

from kdbench.analyze import Summary, summarize
from kdbench.results import ResultSet
from kdbench.spec import Trial
from kdbench.statistics.paired import PairedDifference
from tests.analyze.teaching.stages import with_network
from tests.records import Shape, make_results
from tests.small import small_trial

HEADS = [{"name": "first", "groups": [[0], [1]]}, {"name": "second", "groups": [[2], [3]]}]


def network(*deploys: str) -> Trial:
    return small_trial(heads=HEADS, deploys=deploys)


@dataclass(frozen=True)
class Known:
    """Right of ten: of the first task after it, of both at the end (within the task, among all), of both untrained."""

    first: int
    ahead: int  # of the second task before it was learned
    end: Mapping[str, tuple[int, int]]


FORGETS = Known(first=10, ahead=6, end={"first": (7, 1), "second": (9, 9)})
KEEPS = Known(first=10, ahead=5, end={"first": (9, 6), "second": (8, 7)})
UNTRAINED = {"first": (4, 0), "second": (5, 1)}


def stream(results: ResultSet, loss: str, known: Known) -> ResultSet:
    """The row of this loss as a stream, at all its seeds."""
    for entry in [e for e in results.run.entries if e.role == "student" and e.loss == loss]:
        way = {"teaching": "stream", "role": "stage"}
        stages = [
            (0, "untrained", network(), 0, UNTRAINED),
            (1, "first", network("first"), known.first, None),
            (1, "ahead", network("second"), known.ahead, None),
        ]
        for position, name, trial, count, heads in stages:
            made = entry.model_copy(update={**way, "position": position, "key": f"{name} of {entry.key}"})
            results = with_network(results, made, trial, count, heads)
        last = entry.model_copy(update={"teaching": "stream", "position": 2})
        right = sum(among for _, among in known.end.values()) // 2
        entries = tuple(e for e in results.run.entries if e is not entry)
        rest = replace(results, run=results.run.model_copy(update={"entries": entries}))
        results = with_network(rest, last, network(), right, known.end)
    return results


@pytest.fixture(scope="module")
def summary() -> Summary:
    shape = Shape(seeds=2, losses=("cross_entropy", "kd", "label_smoothing"))
    return summarize(stream(stream(make_results(shape), "label_smoothing", FORGETS), "kd", KEEPS))


def test_the_matrix_of_the_classes_so_far(summary: Summary) -> None:
    rows = {row.row: row for row in summary.streams if row.scenario == "class"}
    forgets = rows["label_smoothing, stream"]
    assert forgets.matrix is not None
    np.testing.assert_allclose(forgets.matrix, [[1.0, np.nan], [0.1, 0.9]])
    assert forgets.figures["average"].mean == pytest.approx(0.5)
    assert forgets.figures["forgetting"].mean == pytest.approx(0.9)
    assert forgets.figures["backward"].mean == pytest.approx(-0.9)
    assert "forward" not in forgets.figures


def test_the_matrix_where_the_task_is_known(summary: Summary) -> None:
    rows = {row.row: row for row in summary.streams if row.scenario == "task"}
    keeps = rows["kd, stream"]
    assert keeps.matrix is not None
    np.testing.assert_allclose(keeps.matrix, [[1.0, 0.5], [0.9, 0.8]])
    assert keeps.figures["average"].mean == pytest.approx(0.85)
    assert keeps.figures["forgetting"].mean == pytest.approx(0.1)
    assert keeps.figures["forward"].mean == pytest.approx(0.5 - 0.5)
    assert rows["label_smoothing, stream"].figures["forward"].mean == pytest.approx(0.6 - 0.5)


def test_joint_training_is_the_bound_above(summary: Summary) -> None:
    joint = summary.streams[0]
    assert (joint.row, joint.scenario, joint.matrix) == ("cross_entropy", "class", None)
    assert joint.figures["average"] == next(row.top1 for row in summary.students if row.row == "cross_entropy")


def test_suites_without_a_stream_have_no_rows() -> None:
    assert summarize(make_results(Shape(seeds=2))).streams == ()


def test_rows_are_compared_with_fine_tuning() -> None:
    shape = Shape(seeds=3, losses=("cross_entropy", "kd"))
    found = summarize(stream(stream(make_results(shape), "cross_entropy", FORGETS), "kd", KEEPS)).streams
    kd = next(row for row in found if row.row == "kd, stream" and row.scenario == "class")
    less = kd.against_alone["forgetting"]
    assert isinstance(less, PairedDifference)
    assert less.estimate.mean == pytest.approx((1.0 - 0.6) - (1.0 - 0.1))
    assert kd.against_alone["average"].estimate.mean == pytest.approx((0.6 + 0.7 - 0.1 - 0.9) / 2)
