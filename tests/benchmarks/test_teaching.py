"""The page of the ways of teaching: that it is complete, and its diagrams."""

from pathlib import Path

import pytest

from benchmarks.teaching.graph import MOST, diagram
from benchmarks.teaching.page import SUBJECTS, known_suites, ways_of
from kdbench import api
from kdbench.spec.planning.entry import SINGLE
from kdbench.zoo.builtin import BUILTIN
from tests.small import small_suite

TEXT = (Path(__file__).parents[2] / "docs/teaching.md").read_text("utf-8")


def test_every_way_of_teaching_has_a_suite_and_a_section() -> None:
    used = {way.signature.use for suite in known_suites().values() for way in ways_of(suite)}
    assert used == BUILTIN["teaching"].keys() - {SINGLE}
    for name in used:
        assert f"\n### `{name}`\n" in TEXT


@pytest.mark.parametrize("name", [name for names in SUBJECTS.values() for name in names])
def test_every_suite_of_the_page_is_shipped(name: str) -> None:
    assert name in known_suites()
    assert f"\n### Run `{name}`\n" in TEXT


def drawn(way: dict[str, object]) -> list[str]:
    plan = api.plan(small_suite(seeds=1, losses=["kd"], teaching=[way]))
    student = next(entry for entry in plan.entries if entry.role == "student")
    return diagram(plan, student).splitlines()


def test_a_diagram_leads_from_teachers_to_students() -> None:
    lines = drawn({"use": "generations", "count": 2})
    assert lines[2:-1] == [
        '  n0["teacher: mlp"]',
        '  n1["step 1: mlp"]',
        '  n2["student: mlp"]',
        "  n0 --> n1",
        "  n1 --> n2",
    ]


def test_a_large_diagram_is_cut_and_says_so() -> None:
    lines = drawn({"use": "generations", "count": 30})
    assert sum('["' in line for line in lines) == MOST + 1
    assert lines[-2] == '  more["1 more before"]'
