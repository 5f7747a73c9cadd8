"""What a job's function says, in this process."""

import errno
from typing import ClassVar

import pytest

from kdbench.execute.jobs import records
from kdbench.execute.workers.job import Job, find, run_job
from kdbench.execute.workers.messages import Crashed, Fault, Noted
from kdbench.spec import Record
from tests.execute.workers.jobs import Count, Counted, Describe, DescribeOwn, Misbehave, ProcessFacts

JOBS = [
    job
    for job in vars(records).values()
    if isinstance(job, type) and issubclass(job, Job) and "function" in vars(job)
]  # fmt: skip


def test_the_answer_is_the_type_parameters() -> None:
    assert Count.answer_type() is Counted
    assert DescribeOwn.answer_type() is Describe.answer_type() is ProcessFacts
    assert records.TrainCohort.answer_type() is records.CohortTrained


@pytest.mark.parametrize("job", JOBS)
def test_every_jobs_function_is_there_and_says_what_it_takes_and_returns(job: type[Job[Record]]) -> None:
    annotations = find(job.function).__annotations__
    assert annotations["job"] is job
    returned = annotations["return"]
    assert job.answer_type() in (returned, *getattr(returned, "__args__", ()))


def test_another_answer_than_promised_is_a_crash() -> None:
    noted, crashed = run_job(Misbehave(how="another answer"))
    assert isinstance(noted, Noted)
    assert isinstance(crashed, Crashed)
    assert "instead of a Counted" in crashed.reason


def test_a_full_disk_is_no_matter_of_one_job() -> None:
    _, fault = run_job(Misbehave(how="full"))
    assert fault == Fault(number=errno.ENOSPC, file="results/trials/x")
    _, crashed = run_job(Misbehave(how="read"))
    assert isinstance(crashed, Crashed)  # another file may be sound


class Missing(Job[Counted]):
    function: ClassVar[str] = "tests.execute.workers.jobs:nothing"


def test_a_function_that_is_not_there_is_a_crash() -> None:
    (crashed,) = run_job(Missing())
    assert isinstance(crashed, Crashed)
    assert crashed.reason.startswith("AttributeError")
