"""Signals and faults of the machine, as the edge of the command line ends on them."""

import errno
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from kdbench.cli.failure import run_guarded


@pytest.fixture(autouse=True)
def own_handlers() -> Iterator[None]:
    """Those of the tests, which a background shell may have made ignore Ctrl-C."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGHUP, signal.SIGTERM)}
    before[signal.SIGINT] = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def guarded(act: Callable[[], object]) -> int:
    return run_guarded(click.Command("x", callback=act), [])


def send(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_what_ends_a_command_lets_it_clean_up(number: int, code: int) -> None:
    cleaned = []

    def act() -> None:
        try:
            send(number)
        finally:
            cleaned.append(True)

    with pytest.raises(SystemExit) as end:
        guarded(act)
    assert (end.value.code, cleaned, signal.getsignal(number)) == (code, [True], signal.SIG_DFL)


@pytest.mark.parametrize("again", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_second_signal_does_not_stop_the_cleaning_up(again: int, capsys: pytest.CaptureFixture[str]) -> None:
    cleaned = []

    def act() -> None:
        try:
            send(signal.SIGINT)
        finally:
            send(again)
            cleaned.append(True)

    assert (guarded(act), cleaned) == (130, [True])
    assert "interrupted: every finished trial is kept" in capsys.readouterr().err


def test_nohup_is_heeded() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    assert guarded(lambda: send(signal.SIGHUP)) == 0


@pytest.mark.parametrize(("number", "advice"), [(errno.ENOSPC, "make room"), (errno.EIO, "check the disk")])
def test_a_fault_of_the_machine_is_told_as_such(number: int, advice: str, capsys: pytest.CaptureFixture[str]) -> None:
    def act() -> None:
        raise OSError(number, os.strerror(number), "results/x.json")

    assert guarded(act) == 1
    told = capsys.readouterr().err
    assert told.startswith(f"error: {os.strerror(number)}: 'results/x.json'\n  help: {advice}")
    assert "go on with the same command" in told


def test_names_that_are_not_utf_8_are_refused_before_anything(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = click.Command("x", params=[click.Argument(["name"])], callback=lambda name: pytest.fail(name))
    assert run_guarded(command, ["results-\udcff"]) == 2
    monkeypatch.setenv("PWD", "/x-\udcff")
    assert run_guarded(command, ["results"]) == 2
    told = capsys.readouterr().err
    assert "error: the name 'results-\\udcff' is not UTF-8\n  help: rename it" in told
    assert "error: the name '/x-\\udcff' is not UTF-8" in told


def test_any_other_exception_is_a_defect(capsys: pytest.CaptureFixture[str]) -> None:
    def act() -> None:
        raise FileNotFoundError(errno.ENOENT, "no such file", "x")

    assert guarded(act) == 1
    assert "this is a defect of kdbench" in capsys.readouterr().err


def test_a_name_that_no_file_can_have_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded((Path("/") / ("a" * 5000)).is_file) == 2
    assert capsys.readouterr().err == f"error: a name of 5001 characters is too long: '/{'a' * 59} ...'\n"
