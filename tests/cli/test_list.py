"""`kdbench list` as JSON: what its lines say."""

import json

import pytest

from kdbench.cli.failure import run_guarded
from kdbench.cli.list import KINDS, command


def test_every_kind_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_guarded(command, ["--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert tuple(found) == KINDS
    assert found["losses"]["kd"].startswith("Divergence from the teacher's softened probabilities")
    assert run_guarded(command, ["losses"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(found["losses"])
