"""The graph of a suite in text."""

import pytest

from kdbench import api
from kdbench.report.graph import folded, graph_text
from tests.small import small_suite


def drawn(**changes: object) -> list[str]:
    return graph_text(api.plan(small_suite(**{"seeds": 2, "losses": ["kd"], **changes}))).splitlines()


def test_a_student_and_its_teacher() -> None:
    assert drawn(losses=["cross_entropy", "kd", "logit_mse"])[1:] == [
        "  cross_entropy (2 seeds)",
        "    student mlp(hidden=8)",
        "  kd; logit_mse (2 seeds)",
        "    teacher mlp(hidden=32)",
        "    student mlp(hidden=8) <- taught by teacher mlp(hidden=32)",
    ]


def test_teachers_of_one_kind_are_one_line() -> None:
    lines = drawn(teaching=[{"use": "ensemble", "count": 3}])
    assert lines[2:] == [
        "    3 x teacher mlp(hidden=32)",
        "    student mlp(hidden=8) <- taught by 3 x teacher mlp(hidden=32)",
    ]


def test_what_goes_on_alike_is_folded() -> None:
    lines = drawn(teaching=[{"use": "generations", "count": 6}])
    assert lines[3:] == [
        "    step 1 mlp(hidden=8) <- taught by teacher mlp(hidden=32)",
        "    step 2 mlp(hidden=8) <- taught by step 1 mlp(hidden=8)",
        "    ... likewise, 4 times in all, up to step 5 mlp(hidden=8) <- taught by step 4 mlp(hidden=8)",
        "    student mlp(hidden=8) <- taught by step 5 mlp(hidden=8)",
    ]


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([], []),
        (["a 1", "a 2"], ["a 1", "a 2"]),
        (["a 1", "a 2", "a 3", "b"], ["a 1", "... likewise, 3 times in all, up to a 3", "b"]),
        (
            ["x", "a 1", "b 1", "a 2", "b 2", "a 3", "b 3"],
            ["x", "a 1", "b 1", "... these 2 likewise, 3 times in all, up to b 3"],
        ),
    ],
)
def test_folding(lines: list[str], found: list[str]) -> None:
    assert folded(lines) == found
