"""`kdbench show`: callables, keys of suite files and suites."""

import json
from pathlib import Path

import pytest

from kdbench.cli.failure import run_guarded
from kdbench.cli.show import command

LOSS = 'def my_loss(student, teacher, labels, *, scale: float = 2.0):\n    """A loss of mine."""\n'


def show(*argv: str) -> int:
    return run_guarded(command, list(argv))


def test_a_key_with_those_in_its_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert show("latency") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "latency (key of suite files)"
    assert "  latency.batch_sizes    Batch sizes that are timed; an empty list times nothing." in lines
    assert show("latency.batch_sizes") == 0
    assert capsys.readouterr().out.splitlines()[2:] == [
        "Batch sizes that are timed; an empty list times nothing.",
        "",
        "  allowed  a list, each a whole number, at least 1, at most 65536",
        "  unit     samples",
        "  default  [1, 32]",
        "  example  batch_sizes = [1, 8]",
    ]


def test_a_name_of_several_things_shows_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert show("robust", "--json") == 0
    way, suite = json.loads(capsys.readouterr().out)
    assert (way["kind"], way["name"]) == ("teaching", "robust")
    assert {"name": "clean", "required": False, "default": 0.0} in way["options"]
    assert (suite["kind"], suite["suite"]["name"]) == ("suite", "robust")


def test_a_way_with_groups_has_an_example_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert show("multitask") == 0
    assert "`groups = [[0, 2, 4, 6, 8], [1, 3, 5, 7, 9]]`" in capsys.readouterr().out


def test_a_suite_tells_what_it_trains(capsys: pytest.CaptureFixture[str]) -> None:
    assert show("quickstart") == 0
    text = capsys.readouterr().out
    assert "  pairs      mlp(hidden=256-128) -> mlp(hidden=16), cnn(width=16) -> cnn(width=4)" in text
    # 2 pairs x 3 seeds x (6 losses, the student alone twice more for longer, a teacher)
    assert "  trials     54, before any that depend on results" in text


def test_a_callable_of_a_module_is_shown_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "shown_loss.py").write_text(LOSS)
    monkeypatch.chdir(tmp_path)
    assert show("shown_loss:my_loss", "-p", "shown_loss") == 0
    assert capsys.readouterr().out == (
        "shown_loss:my_loss (losses, shown_loss:my_loss)\n\nA loss of mine.\n\nOptions:\n  scale  default 2.0\n"
    )
    assert show("another:my_loss") == 2
    assert "-p another" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "meant"),
    [("KD", "kd"), ("resnet50", "torchvision:resnet50"), ("train.selct", "train.select"), ("quickstrat", "quickstart")],
)
def test_what_is_meant_is_guessed(name: str, meant: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert show(name) == 2
    assert f"did you mean '{meant}'?" in capsys.readouterr().err
