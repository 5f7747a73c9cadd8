"""`kdbench plan`: what it tells beside the trials."""

import json
from pathlib import Path

import pytest

from kdbench.cli.failure import run_guarded
from kdbench.cli.plan import command

NOTE = "note: milestones = [3]: a training of 1 epoch ends before the learning rate falls there"
SUITE = """
name = "tiny"
data = "digits"
seeds = 1
losses = ["kd"]
train = { epochs = 4, schedule = { use = "step", milestones = [3] } }
pairs = [{ teacher = "mlp", student = "mlp" }]
"""


def test_options_without_effect_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tiny.toml").write_text(SUITE)
    monkeypatch.chdir(tmp_path)
    assert run_guarded(command, ["tiny.toml"]) == 0
    assert "note: " not in capsys.readouterr().out
    assert run_guarded(command, ["tiny.toml", "--epochs", "1"]) == 0  # which milestones do not follow
    assert NOTE in capsys.readouterr().out.splitlines()
    assert run_guarded(command, ["tiny.toml", "--epochs", "1", "--json"]) == 0
    said = capsys.readouterr()
    assert [json.loads(line)["wave"] for line in said.out.splitlines()] == [0, 1]
    assert NOTE in said.err.splitlines()


def test_several_suites_of_a_module_of_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "of_a_plan.py").write_text("def tiny(classes, shape, *, width: int = 8): ...\n")
    for name in ("one", "two"):
        suite = SUITE.replace('"mlp"', '"of_a_plan:tiny"').replace('tiny"\ndata', f'{name}"\ndata')
        (tmp_path / f"{name}.toml").write_text(suite)
    monkeypatch.chdir(tmp_path)
    assert run_guarded(command, ["-p", "of_a_plan", "one.toml", "two.toml"]) == 0  # as pre-commit gives them
    said = capsys.readouterr().out.splitlines()
    assert [line for line in said if line.endswith(":")] == ["one:", "two:"]
    assert said.count("2 trials, 0 done, 2 to do") == 2
    assert run_guarded(command, ["-p", "of_a_plan", "one.toml", "two.toml", "--json"]) == 0
    assert [json.loads(line)["suite"] for line in capsys.readouterr().out.splitlines()] == ["one", "one", "two", "two"]
    (tmp_path / "two.toml").write_text("name = 'bad'")
    assert run_guarded(command, ["-p", "of_a_plan", "one.toml", "two.toml"]) == 2
    said_of_bad = capsys.readouterr()
    assert "two.toml" in said_of_bad.err
    assert not said_of_bad.out
    assert run_guarded(command, ["one.toml"]) == 2
    assert '-p of_a_plan, or kdbench.place(plugins=["of_a_plan"]) in Python and pytest' in capsys.readouterr().err
