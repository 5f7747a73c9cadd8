"""`kdbench power` on made-up results."""

import json
from pathlib import Path

import pytest

from kdbench.cli import COMMANDS
from kdbench.cli.failure import run_guarded
from kdbench.cli.records.power import command
from tests.records import Shape, make_results
from tests.stored import store_results


def write(folder: Path, shape: Shape) -> None:
    store_results(folder, make_results(shape))


def ask(folder: Path, *argv: str) -> int:
    return run_guarded(command, ["example", "--results", str(folder), *argv])


def accuracy(pair: int, loss: str, seed: int) -> float:
    """Gains of 'kd' over the student alone: 1, 2, 3 points, an SD of 1; of 'fitnet': always the same."""
    return 0.80 + {"kd": 0.01 * (seed + 1), "fitnet": 0.02}.get(loss, 0.0)


def test_table_by_hand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, Shape(accuracy=accuracy, losses=("cross_entropy", "kd", "fitnet")))
    assert ask(tmp_path, "--difference", "0.0101") == 0
    head, kd, fitnet, *_ = capsys.readouterr().out.splitlines()
    assert head.split("  ")[0] == "pair"
    # SD 1, at most 2.12 (see tests/statistics/test_spread.py), can show 3.27; 10 seeds show 1.00 SD
    # (paired t-test, power .8); at an SD of 2.12 the same takes about (2.8 x 2.12 / 1.01)^2 + 2 = 36.
    cells = kd.removeprefix("big -> small").split()
    assert cells[:5] == ["kd", "3", "1.00", "2.12", "3.26"]
    assert cells[5] == "10"
    assert 35 <= int(cells[6]) <= 38
    assert fitnet.split()[-5:] == ["-", "-", "-", "-", "-"]


def test_the_command_is_listed() -> None:
    assert "power" in COMMANDS


def test_power_changes_the_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, Shape(accuracy=accuracy))
    needed = []
    for power in ("0.5", "0.8", "0.95"):
        assert ask(tmp_path, "--difference", "0.01", "--power", power) == 0
        out = capsys.readouterr().out
        assert f"{100 * float(power):g} % of runs" in out
        needed.append(int(out.splitlines()[1].split()[-2]))
    assert needed == sorted(set(needed))


def test_more_seeds_than_anybody_trains(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, Shape(accuracy=accuracy))
    assert ask(tmp_path, "--difference", "0.0001") == 0
    assert capsys.readouterr().out.splitlines()[1].split()[-4:] == [">", "1000", ">", "1000"]


@pytest.mark.parametrize(
    ("shape", "argv", "words"),
    [
        (None, ["--difference", "0.01"], "no results of suite 'example'"),
        (Shape(seeds=1), ["--difference", "0.01"], "has one seed"),
        (Shape(losses=("kd",)), ["--difference", "0.01"], "no loss to compare"),
        (Shape(), ["--difference", "0"], "--difference 0"),
        (Shape(), ["--difference", "-0.5"], "--difference -0.5"),
        (Shape(), ["--difference", "nan"], "--difference nan"),
        (Shape(), ["--difference", "0.01", "--power", "1"], "--power 1"),
        (Shape(), [], "--difference"),
    ],
)
def test_what_cannot_be_answered(
    shape: Shape | None, argv: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if shape:
        write(tmp_path, shape)
    assert ask(tmp_path, *argv) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err
    assert "help" in err


def test_the_same_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, Shape(accuracy=accuracy, losses=("cross_entropy", "kd")))
    assert ask(tmp_path, "--difference", "0.0101", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    (kd,) = found["rows"]
    assert (kd["row"], kd["seeds"], kd["needed"], round(kd["sd"], 6)) == ("kd", 3, 10, 0.01)
    assert found["gate"]
