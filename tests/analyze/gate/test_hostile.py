"""Baselines that somebody damaged, or made to do harm, are refused or judged: never a traceback, never NaN."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kdbench.analyze import judge, what_the_gate_sees
from kdbench.report.check.junit import verdict_junit
from kdbench.report.check.verdict import verdict_json, verdict_markdown
from kdbench.results.baselines.baseline import BaselineError
from kdbench.results.baselines.files import load_baseline, onnx_files
from kdbench.results.baselines.freezing import baseline_of
from kdbench.spec import Gate
from tests.records import Shape, make_results

GATES = (
    Gate(metric="latency", may_rise=0.05),
    Gate(metric="ece", may_rise=0.05),
    Gate(metric="right_everywhere", may_drop=0.02),
    Gate(metric="training_seconds", may_rise=0.2),
    Gate(metric="operators", may_rise=0.0),
    Gate(metric="top1", condition="noise", may_drop=0.02),
    Gate(metric="top1", variant="int8_static", may_drop=0.02),
)
RESULTS = make_results(Shape(samples=200, conditions=("noise",), variants=("fp32", "int8_static"), gates=GATES))
WRITTEN = baseline_of(RESULTS).model_dump_json()
VALUES = (
    *(None, True, 0, -1, 1, 2**63, 10**400, 1e308, float("nan"), float("inf"), -0.0, 1e-320),
    *("", "x", "../x", "\0", "a" * 5000, "\ud800", [], {}, [[]], {"a": 1}),
)


def places(content: Any, at: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    inner = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    return [at, *(place for name, each in inner for place in places(each, (*at, name)))]


PLACES = places(json.loads(WRITTEN))[1:]
# Each bin of each confidence is a place of its own: without them, the others come up too.
FEWER = [place for place in PLACES if "confidence" not in place and "suite" not in place]


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """One value or two of a baseline that are gone, twice there, or others."""
    content = json.loads(WRITTEN)
    for place in draw(st.lists(st.sampled_from(FEWER) | st.sampled_from(PLACES), min_size=1, max_size=2)):
        *path, last = place
        inner = content
        for name in path:
            inner = inner[name] if _there(inner, name) else {}
        if not _there(inner, last):
            continue
        match draw(st.sampled_from(("change", "change", "change", "remove", "repeat"))):
            case "remove":
                del inner[last]
            case "repeat" if isinstance(inner, list):
                inner.append(inner[last])
            case _:
                inner[last] = draw(st.sampled_from(VALUES))
    return json.dumps(content)


def _there(inner: Any, name: str | int) -> bool:
    if isinstance(inner, list):
        return isinstance(name, int) and name < len(inner)
    return isinstance(inner, dict) and name in inner


@pytest.mark.parametrize("inputs", [300, pytest.param(10_000, marks=pytest.mark.slow)])
def test_a_damaged_baseline_is_refused_or_judged(inputs: int, tmp_path: Path) -> None:
    refused, judged = list[str](), list[str]()

    @settings(max_examples=inputs, deadline=None, database=None)
    @given(damaged())
    def check(content: str) -> None:
        (tmp_path / "baseline.json").write_text(content)
        try:
            baseline = load_baseline(tmp_path, "example")
        except BaselineError as error:
            refused.append(str(error))
            return
        with suppress(BaselineError):
            assert not onnx_files(baseline, tmp_path, tmp_path), "no file is there, wherever it is said to be"
        verdict = judge(baseline, RESULTS, [])
        assert what_the_gate_sees(baseline)
        judged.append(json.loads(verdict_json(verdict))["status"])
        assert verdict_markdown(verdict)
        assert verdict_junit(verdict)

    check()
    assert min(len(refused), len(judged)) > inputs / 20
    assert all("help: " in text for text in refused)
