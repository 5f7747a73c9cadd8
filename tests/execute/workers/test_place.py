"""What a place makes of refusals and crashes."""

import traceback
from pathlib import Path

import pytest

from kdbench.execute.workers.job import NoAnswer
from kdbench.execute.workers.messages import Crashed, Noted, Refused
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
