"""How progress is shown: lines with a heartbeat, a log, silence."""

from collections.abc import Generator
from pathlib import Path
from time import sleep

import pytest

from kdbench import api
from kdbench.cli.telling import progress
from kdbench.cli.telling.progress import Telling, duration, follow
from kdbench.execute.events import Ahead, Planned, RunEvent, TrialEnded
from kdbench.execute.workers.messages import EpochFinished, Noted
from kdbench.spec import UserError
from tests.small import small_suite

PLAN = api.plan(small_suite(seeds=1))
KD = list(PLAN.trials)[-1]


def course(pause: float = 0.0) -> Generator[RunEvent, None, str]:
    yield Planned(PLAN, frozenset({KD}))
    yield Ahead(work="check", units=1)
    sleep(pause)
    yield EpochFinished(key=KD, epoch=1, train_loss=0.5, top1=0.5)
    yield TrialEnded(key=KD, status="done", top1=0.5)
    return "the end"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (89.4, "89 s"), (90, "2 min"), (1800, "30 min"), (5399, "1 h 30 min"), (7800, "2 h 10 min")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_lines_have_their_time(capsys: pytest.CaptureFixture[str]) -> None:
    assert follow(course()) == "the end"
    assert capsys.readouterr().err == "   0.0 s  [1/1] kd · mlp(hidden=8) · seed 0: validation top-1 50.00 %\n"


def test_quiet_is_quiet_and_verbose_tells_of_epochs(capsys: pytest.CaptureFixture[str]) -> None:
    follow(course(), telling=Telling(quiet=True))
    assert capsys.readouterr().err == ""
    follow(course(), telling=Telling(verbose=True))
    assert "seed 0: epoch 1, loss 0.500, 50.0 %" in capsys.readouterr().err


def test_a_log_has_everything_whatever_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "log").write_text("before\n")
    follow(course(), telling=Telling(quiet=True, log=tmp_path / "log"))
    assert capsys.readouterr().err == ""
    before, epoch, end = (tmp_path / "log").read_text("utf-8").splitlines()
    assert before == "before"
    assert epoch.endswith("  kd · mlp(hidden=8) · seed 0: epoch 1, loss 0.500, 50.0 %")
    assert end[:2] == "20"  # the year
    assert end.endswith("[1/1] kd · mlp(hidden=8) · seed 0: validation top-1 50.00 %")


def test_a_log_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot write the log"):
        follow(course(), telling=Telling(log=tmp_path / "no" / "log"))


def test_a_heart_beats_where_nothing_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "HEARTBEAT", 0.05)
    follow(course(pause=1.0))
    beats = [line for line in capsys.readouterr().err.splitlines() if "check, 0 of 1 trials" in line]
    assert beats
    assert beats[0].endswith("check, 0 of 1 trials, time left not known yet")


def test_whatever_ends_it_ends_the_events() -> None:
    ended = []

    def events() -> Generator[RunEvent, None, None]:
        try:
            yield Noted(text="so")
            raise KeyboardInterrupt
        finally:
            ended.append(True)

    with pytest.raises(KeyboardInterrupt):
        follow(events())
    assert ended == [True]
