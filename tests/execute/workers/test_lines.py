"""What crosses between processes arrives as it was sent."""

import pytest

from kdbench.execute.jobs.records import Done, Rehearse, TimePair
from kdbench.execute.workers.lines import NotUnderstood, read_job, read_said, write_job, write_said
from kdbench.execute.workers.messages import Alive, Crashed, EpochFinished, Fault, Noted, Refused
from kdbench.spec import Problem, Record
from tests.execute.running import place
from tests.execute.workers.jobs import Count, Counted
from tests.records import HOW
from tests.small import small_trial

PAIR = TimePair(candidate="a ü.onnx", reference="b", samples="c", how=HOW, sessions=5, pairs=8)


def test_a_job_arrives_as_it_was_sent(tmp_path) -> None:
    setting = place(tmp_path).setting()
    for job in (
        PAIR,
        Rehearse(setting=setting, trial=small_trial(), parents=(small_trial(seed=1),), exported=True, data_sha256=None),
    ):
        line = write_job(job)
        assert line.count(b"\n") == 1
        assert read_job(line) == job


@pytest.mark.parametrize(
    "said",
    [
        EpochFinished(key="x", epoch=1, train_loss=0.1, top1=0.5),
        Alive(quiet=60.0),
        Noted(text="two\nlines"),
        Counted(upto=3),
        Crashed(reason="no memory", traceback="a\nb"),
        Fault(number=28, file=None),
        Refused(problems=(Problem("no data", help="look elsewhere"),)),
    ],
)
def test_what_is_said_arrives_as_it_was_sent(said: Record) -> None:
    line = write_said(said)
    assert line.count(b"\n") == 1
    assert read_said(line, Count(name="x", upto=3)) == said


def test_a_name_that_is_not_utf_8_arrives_without_its_bytes() -> None:
    said = Refused(problems=(Problem("'\udcff.png' is damaged", help="remove it"),))
    found = read_said(write_said(said), Count(name="x", upto=3))
    assert found == Refused(problems=(Problem("'?.png' is damaged", help="remove it"),))


@pytest.mark.parametrize(
    "line",
    [
        b"Segmentation fault",
        b"",
        b"answer",
        b'answer {"upto": "three"}',
        b'progress {"upto": 3}',
        b"\xff\xfe",
        write_said(Done()),
    ],
)
def test_anything_else_is_not_understood(line: bytes) -> None:
    with pytest.raises(NotUnderstood, match="its process answered with something else: '"):
        read_said(line, Count(name="x", upto=3))
