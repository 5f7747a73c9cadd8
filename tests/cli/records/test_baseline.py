"""`kdbench baseline` where gates could not be judged; the rest is in `tests/cli/test_gate.py`."""

from dataclasses import replace
from pathlib import Path

import pytest

from kdbench.cli.failure import run_guarded
from kdbench.cli.records.baseline import command
from kdbench.spec import Gate
from tests.records import Shape, make_results
from tests.stored import store_results

GATES = (
    Gate(metric="top1", may_drop=0.2),
    Gate(metric="top1", condition="noise", may_drop=0.2),
    Gate(metric="latency", may_rise=0.001),
)


def test_gates_that_no_check_could_judge_are_refused_with_what_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = make_results(Shape(conditions=("noise",), gates=GATES, noise=0.006))
    clean = {key: each for key, each in results.evaluations.items() if each.condition is None}
    store_results(tmp_path / "results", replace(results, evaluations=clean))
    argv = ["example", "--results", str(tmp_path / "results"), "--to", str(tmp_path / "base")]
    assert run_guarded(command, argv) == 2
    told = capsys.readouterr().err
    assert "error: the gate of top1 under noise has no figure of 6 of 6 students\n" in told
    assert "help: evaluate it (kdbench run example), drop the gate, or --force\n" in told
    assert "error: the gate of latency allows a rise of 0.1 %, but 40 rounds of " in told
    assert "help: write that into the suite and run it, or freeze the gate as it is with --force\n" in told
    assert not (tmp_path / "base").exists()
    assert run_guarded(command, [*argv, "--force"]) == 0
