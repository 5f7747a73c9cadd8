"""The file of raw figures: what is measured, what is kept, and what is refused."""

import json
from pathlib import Path

import pytest

from benchmarks.harness import Figures, Measurement, Unit, ask, in_turns


def measurement(name: str, measured: list[str], **facts: object) -> Measurement:
    def run() -> Unit:
        measured.append(name)
        return {"seconds": 2.0}

    return Measurement(name, run, facts)


def test_what_the_file_holds_is_not_measured_again(tmp_path: Path) -> None:
    path, measured = tmp_path / "engine.json", list[str]()
    Figures(path, {"epochs": 2}).measure([measurement("a", measured), measurement("b", measured, source="old")])
    again = [measurement("a", measured), measurement("b", measured, source="new"), measurement("c", measured)]
    Figures(path, {"epochs": 2}).measure(again)
    assert measured == ["a", "b", "b", "c"]
    units = json.loads(path.read_text("utf-8"))["units"]
    assert units["b"]["source"] == "new"
    assert units["a"]["seconds"] == 2.0
    assert {"load_average", "cpu_pressure", "kdbench_source", "kdbench_commit"} < units["a"].keys()


def test_a_unit_that_fails_leaves_those_before_it(tmp_path: Path) -> None:
    def fail() -> Unit:
        raise RuntimeError("the machine is gone")

    path = tmp_path / "engine.json"
    with pytest.raises(RuntimeError, match="the machine is gone"):
        Figures(path, {}).measure([measurement("a", []), Measurement("b", fail)])
    assert list(json.loads(path.read_text("utf-8"))["units"]) == ["a"]


def test_other_options_are_refused(tmp_path: Path) -> None:
    Figures(tmp_path / "engine.json", {"epochs": 2}).save()
    with pytest.raises(SystemExit, match=r"measured with \{'epochs': 2\}, not \{'epochs': 3\}: move it away"):
        Figures(tmp_path / "engine.json", {"epochs": 3})


def test_sides_alternate() -> None:
    assert [list(in_turns(["a", "b", "c"], repeat)) for repeat in (0, 1, 2)] == [
        ["a", "b", "c"],
        ["c", "b", "a"],
        ["a", "b", "c"],
    ]


def test_a_module_answers_in_its_last_line(tmp_path: Path) -> None:
    (tmp_path / "answering.py").write_text("import os, sys\nprint('first')\nprint(os.environ['ASKED'], end='')\n")
    variables = {"PYTHONPATH": str(tmp_path), "ASKED": '{"p50": 1.5}'}
    assert ask("answering", variables=variables) == {"p50": 1.5}
    with pytest.raises(SystemExit, match=r"json\.tool: exit code 2"):
        ask("json.tool", "--no-such-option", variables={})
