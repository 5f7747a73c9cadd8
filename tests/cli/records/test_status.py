"""`kdbench status`"""

import json
from pathlib import Path

import pytest

from kdbench import api
from kdbench.cli.failure import run_guarded
from kdbench.cli.records.status import command
from kdbench.results import FailureRecord, Store
from tests.execute.running import place, run

SUITE = """\
name = "tiny"
data = "digits"
seeds = 2
train = { epochs = 1, batch_size = 64 }
budget = { by = "epochs" }
losses = ["cross_entropy", "kd"]
conditions = []
latency = { batch_sizes = [] }

[[pairs]]
teacher = { use = "mlp", hidden = [32] }
student = { use = "mlp", hidden = [8] }
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A suite of five trials: three are trained, of one seed; one of the others has failed."""
    folder = tmp_path_factory.mktemp("status")
    (folder / "tiny.toml").write_text(SUITE)
    suite = api.load_suite(folder / "tiny.toml")
    run(suite.model_copy(update={"seeds": (0,)}), place(folder / "results"))
    failed = next(entry for entry in api.plan(suite).entries if (entry.loss, entry.seed) == ("kd", 1))
    why = {"status": "failed", "reason": "diverged", "repeats": True, "device": "cpu", "machine": {}, "finished": ""}
    store = Store(folder / "results")
    store.write(Store.FAILURES, failed.key, FailureRecord.model_validate({"key": failed.key, **why}))
    return folder


def said(folder: Path, *argv: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert run_guarded(command, [str(folder / "tiny.toml"), "--results", str(folder / "results"), *argv]) == 0
    return capsys.readouterr().out


def test_what_is_done_what_failed_and_what_is_left(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, failed, more = said(folder, capsys=capsys).splitlines()
    assert first.startswith("tiny: 3 of 5 trials done, 1 failed, 1 to do, about ")
    assert first.endswith(" s left")
    assert failed == "failed: kd · mlp(hidden=8) · seed 1: diverged"
    assert more.startswith("  more: kdbench logs ")


def test_of_a_part(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(folder, "--seeds", "1", capsys=capsys) == "tiny@seeds=1: 3 of 3 trials done\n"


def test_as_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(said(folder, "--json", capsys=capsys))
    assert {name: found[name] for name in ("trials", "done", "failed", "skipped", "to_do")} == {
        "trials": 5,
        "done": 3,
        "failed": 1,
        "skipped": 0,
        "to_do": 1,
    }
    assert found["seconds_left"] > 0
    assert [each["reason"] for each in found["not_done"]] == ["diverged"]


def test_before_anything_ran(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_guarded(command, [str(folder / "tiny.toml"), "--results", str(tmp_path / "none")]) == 0
    assert capsys.readouterr().out == "tiny: 0 of 5 trials done, 5 to do, time left not known yet\n"
