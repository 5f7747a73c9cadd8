"""What a place makes of refusals and crashes."""

import errno
import shutil
import tempfile
import traceback
from pathlib import Path
from types import SimpleNamespace

import pytest

from kdbench.execute.workers.job import NoAnswer
from kdbench.execute.workers.messages import Crashed, Fault, Noted, Refused
from kdbench.spec import Problem, UserError
from kdbench.spec.generators import drain
from tests.execute.running import Scripted, place
from tests.execute.workers.jobs import Count, Counted

JOB = Count(name="x", upto=3)


def test_an_answer_comes_after_its_progress(tmp_path: Path) -> None:
    said = [Noted(text="it begins"), Counted(upto=3)]
    where = place(tmp_path, executor=Scripted(lambda job: said))
    heard: list[object] = []
    assert drain(where.ask(JOB), heard.append) == Counted(upto=3)
    assert heard == said[:1]
    assert list(where.run([JOB, JOB])) == [(0, said[0]), (0, said[1]), (1, said[0]), (1, said[1])]


def test_a_refusal_is_the_users_error(tmp_path: Path) -> None:
    where = place(tmp_path, executor=Scripted(lambda job: [Refused(problems=(Problem("no data", help="get it"),))]))
    with pytest.raises(UserError, match="no data") as caught:
        list(where.run([JOB]))
    assert caught.value.problems[0].help == "get it"


@pytest.mark.parametrize(("file", "told"), [("x/trial.json", "x/trial.json"), (None, "{full}")])
def test_a_full_disk_ends_all_that_is_run(
    file: str | None, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = {tmp_path: 0, Path(tempfile.gettempdir()): 1000}
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=free[folder]))
    executor = Scripted(lambda job: [Fault(number=errno.ENOSPC, file=file)])
    with pytest.raises(OSError, match="No space left on device") as caught:
        list(place(tmp_path, executor=executor).run([JOB, JOB]))
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, told.format(full=tmp_path))
    assert len(executor.asked) == 1


def test_a_crash_is_no_answer_and_its_traceback_is_kept(tmp_path: Path) -> None:
    crashed = Crashed(reason="ValueError: seven", traceback="File over_there.py, line 7")
    where = place(tmp_path, executor=Scripted(lambda job: [crashed]))
    with pytest.raises(NoAnswer) as caught:
        drain(where.ask(JOB))
    assert str(caught.value) == "ValueError: seven"
    assert "over_there.py" in "".join(traceback.format_exception(caught.value))


def test_nothing_said_is_no_answer(tmp_path: Path) -> None:
    with pytest.raises(NoAnswer, match="its job ended without an answer"):
        drain(place(tmp_path, executor=Scripted(lambda job: [])).ask(JOB))
