"""`kdbench selftest` as one types it."""

import json

import pytest

from kdbench.cli.failure import run_guarded
from kdbench.cli.selftest import command
from kdbench.results.selftest import SelfTest


def ask(*argv: str) -> int:
    return run_guarded(command, list(argv))


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("--inject", "1.1,fast"), "'fast' is not from 1.01 to 4; write 1.1 for a tenth more work"),
        (("--inject", "1"), "'1' is not from 1.01 to 4"),
        (("--inject", "nan"), "'nan' is not from 1.01 to 4"),
        (("--aa", "0"), "0 is not in the range"),
        (("--points", "50"), "50.0 is not in the range"),
    ],
)
def test_what_cannot_be_tried_is_refused(argv: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(*argv) == 2
    assert words in capsys.readouterr().err


@pytest.mark.alone
def test_a_few_trials(capfd: pytest.CaptureFixture[str]) -> None:
    """Twice the work is found on any machine, and four trials do not show that a goal is missed."""
    assert ask("--aa", "1", "--inject", "2", "--json", "-q") == 0
    found = SelfTest.model_validate(json.loads(capfd.readouterr().out))
    ours = [each for each in found.judged if each.ours]
    assert [each.truth for each in ours] == ["the same work", "100 % more work", "the same recipe", "1 points lost"]
    assert [each.failed for each in ours[1::2]] == [1, 1]
    assert [each.rule for each in found.judged if not each.ours] == [
        "pytest-benchmark, mean:10%",
        "pytest-benchmark, min:10%",
        "asv compare, factor 1.1",
        "p50 of one run over the other's, limit 5 %",
    ]


@pytest.mark.slow
@pytest.mark.alone
def test_twenty_trials_show_no_goal_missed(capfd: pytest.CaptureFixture[str]) -> None:
    assert ask("--aa", "20", "--busy", "1") == 0
    assert "kdbench check, margin 5 %" in capfd.readouterr().out
