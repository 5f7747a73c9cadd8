"""The record of a baseline: what it holds, what is held against it, and what it refuses."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from kdbench.results.baselines.baseline import Baseline, title_of
from kdbench.results.baselines.freezing import baseline_of
from kdbench.spec import Gate
from tests.records import Shape, make_results

LATENCY = Gate(metric="latency", may_rise=0.03)


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


def test_latency_is_held_where_a_gate_asks_for_it() -> None:
    assert baseline_of(make_results()).latency_margin is None
    assert baseline_of(make_results(Shape(gates=(LATENCY,)))).latency_margin == 0.03


def test_seeds_of_a_row_stand_together() -> None:
    places = baseline_of(make_results()).by_place
    assert {place: [row.seed for row in rows] for place, rows in places.items()} == {
        ("big -> small", "teacher", "cross_entropy"): [0],
        ("big -> small", "student", "cross_entropy"): [0, 1, 2],
        ("big -> small", "student", "kd"): [0, 1, 2],
    }


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (("rows", 0, "chance"), float("nan")),
        (("rows", 0, "conditions"), {"noise": float("nan")}),
        (("rows", 0, "variants"), {"int8_static": 1.5}),
        (("rows", 0, "training_seconds"), float("inf")),
        (("rows", 0, "training_seconds"), -1.0),
        (("models", 0, "onnx"), "../../etc/passwd"),
        (("models", 0, "rows"), []),
    ],
)
def test_what_no_run_freezes_is_refused(at: tuple[str | int, ...], value: Any) -> None:
    content: Any = json.loads(baseline_of(make_results()).model_dump_json())
    Baseline.model_validate_json(json.dumps(content))
    *path, last = at
    inner = content
    for part in path:
        inner = inner[part]
    inner[last] = value
    with pytest.raises(ValidationError):
        Baseline.model_validate_json(json.dumps(content))
