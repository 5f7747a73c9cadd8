"""Through assistants against directly, by hand."""

import pytest

from kdbench.analyze import summarize
from kdbench.analyze.teaching.assistants import assisted_rows
from kdbench.spec import NamedChoice
from tests.records import Shape, make_results

LABEL = "ensemble(count=2)"
POINTS = {"kd": (50, 52), f"kd, {LABEL}": (53, 54)}


def accuracy(_: int, row: str, seed: int) -> float:
    return POINTS.get(row, (40, 40))[seed] / 100


def test_each_row_is_compared_with_the_single_teacher_of_its_loss() -> None:
    summary = summarize(make_results(Shape(seeds=2, teaching=("single", "ensemble"), accuracy=accuracy)))
    assistants = NamedChoice(use="assistants", name=LABEL)  # the made-up ensemble stands for assistants
    suite = summary.suite.model_copy(update={"teaching": (NamedChoice(use="single"), assistants)})
    (found,) = assisted_rows(summary.pairs, suite)
    assert (found.direct.row, found.assisted.row) == ("kd", f"kd, {LABEL}")
    assert found.gain is not None
    assert found.gain.estimate.values == pytest.approx((0.03, 0.02))
    assert found.gap == found.teacher.parameters / found.direct.parameters
    assert assisted_rows(summary.pairs, summary.suite) == ()
