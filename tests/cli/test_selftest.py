"""`kdbench selftest` as one types it."""

import json
from collections.abc import Callable, Iterator

import pytest

from kdbench.cli.failure import run_guarded
from kdbench.cli.selftest import command
from kdbench.execute.selftest import selftest as module
from kdbench.execute.selftest.selftest import Asked
from kdbench.execute.workers.job import NoAnswer
from kdbench.results.selftest import Judged, SelfTest
from tests.report.test_measurement import column
from tests.results.test_selftest import judged


def ask(*argv: str) -> int:
    return run_guarded(command, list(argv))


def ask_to_the_end(*argv: str) -> object:
    """The exit code, also where SIGTERM gives it."""
    try:
        return ask(*argv)
    except SystemExit as end:
        return end.code


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


def found_by(*rows: Judged) -> SelfTest:
    return SelfTest(judged=rows, busy=1, seconds=60.0, machine={"load_average": None}, finished="2026")


@pytest.mark.parametrize(("failed", "code"), [(0, 0), (20, 1)])
def test_a_goal_that_is_shown_to_be_missed_is_code_one(
    failed: int, code: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def selftest(asked: Asked, _: object, note: Callable[[SelfTest], None]) -> Iterator[object]:
        assert asked == Asked(trials=300, slower=(1.2, 1.5), points=0.02, margin=0.03, busy=1)
        yield from ()
        note(found_by(judged(failed=failed)))

    monkeypatch.setattr(module, "selftest", selftest)
    argv = ("--aa", "300", "--inject", "1.2,1.5", "--points", "2", "--margin", ".03", "--busy", "1")
    assert ask(*argv) == code
    assert "kdbench check" in capsys.readouterr().out
    assert ask(*argv, "--json") == code
    assert SelfTest.model_validate(json.loads(capsys.readouterr().out)).judged[0].failed == failed


@pytest.mark.parametrize(("signalled", "code"), [(KeyboardInterrupt(), 130), (SystemExit(143), 143)])
def test_interrupted_it_tells_of_the_trials_that_ended(
    signalled: BaseException, code: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def selftest(_: Asked, place: object, note: Callable[[SelfTest], None]) -> Iterator[object]:
        note(found_by(judged(trials=10)))
        note(found_by(judged(trials=20)))
        yield from ()
        raise signalled

    monkeypatch.setattr(module, "selftest", selftest)
    assert ask_to_the_end() == code
    told = capsys.readouterr()
    assert "It was interrupted" in told.out
    assert column(told.out, "Trials") == ["20"]
    assert "interrupted: the trials that have ended are counted" in told.err
    assert ask_to_the_end("--json") == code
    assert SelfTest.model_validate(json.loads(capsys.readouterr().out)).interrupted


def test_a_machine_that_times_nothing_is_told_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def selftest(*_: object) -> Iterator[object]:
        yield from ()
        raise NoAnswer("at least 16 real samples are needed")

    monkeypatch.setattr(module, "selftest", selftest)
    assert ask() == 2
    assert "nothing can be timed here: at least 16 real samples are needed" in capsys.readouterr().err


def test_what_had_ended_before_timing_broke_off_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def selftest(_asked: Asked, _place: object, note: Callable[[SelfTest], None]) -> Iterator[object]:
        yield from ()
        note(found_by(judged(failed=0)))
        raise NoAnswer("its process was killed by SIGABRT")

    monkeypatch.setattr(module, "selftest", selftest)
    assert ask("--json") == 0
    printed = capsys.readouterr()
    assert SelfTest.model_validate_json(printed.out).interrupted
    assert "timing broke off (its process was killed by SIGABRT)" in printed.err


@pytest.mark.slow
@pytest.mark.alone
def test_twenty_trials_show_no_goal_missed(capfd: pytest.CaptureFixture[str]) -> None:
    """Half as much work again is found on any machine."""
    assert ask("--aa", "20", "--inject", "1.5", "--json", "-q") == 0
    found = SelfTest.model_validate(json.loads(capfd.readouterr().out))
    ours = [each for each in found.judged if each.ours]
    assert [each.truth for each in ours] == ["the same work", "50 % more work", "the same recipe", "1 points lost"]
    assert ours[1].failed == 4
    assert ours == [*found.judged]  # too few trials for other tools
