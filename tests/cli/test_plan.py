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
