"""What is trained when, and what becomes of trials whose jobs or parents fail: the executor is scripted."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from kdbench import api
from kdbench.execute.events import Ahead, LaidOut, Rehearsed, RunEvent, TrialEnded
from kdbench.execute.jobs.records import CohortTrained, RehearsalDone, Rehearse, TrainCohort
from kdbench.execute.training.waves import check, train
from kdbench.execute.workers.messages import Crashed, EpochFinished, Noted
from kdbench.results import Outcome
from kdbench.spec import Plan, Record, UserError
from tests.execute.running import Scripted, place
from tests.small import small_suite

DONE = Outcome(status="done")


@pytest.fixture
def plan() -> Plan:
    """A teacher, two students by labels alone, and two cohorts of two that it teaches."""
    return api.plan(small_suite(losses=["cross_entropy", "kd", "logit_mse"]))


class Recorded:
    """A store whose trials with these keys are recorded, with an accuracy; nothing is written."""

    root = Path("results")
    validation_top1 = 0.5

    def __init__(self, keys: set[str]) -> None:
        self.keys = keys

    def is_trained(self, key: str) -> bool:
        return key in self.keys

    def read_trial(self, key: str) -> "Recorded":
        return self


def trained(job: TrainCohort, **others: Outcome) -> CohortTrained:
    return CohortTrained(outcomes={trial.key: others.get(trial.key, DONE) for trial in job.trials})


def go(
    plan: Plan, root: Path, answer: Callable[[Any], Iterable[Record]], keys: set[str]
) -> tuple[dict[str, Outcome], list[RunEvent], Scripted]:
    """Train a plan, keeping outcomes as a run does."""
    executor, outcomes, heard = Scripted(answer), dict[str, Outcome](), list[RunEvent]()
    where = place(root, executor=executor, threads=1, store=Recorded(keys))
    for event in train(plan, outcomes, where):
        heard.append(event)
        if isinstance(event, TrialEnded):
            assert event.key not in outcomes  # each ends once
            outcomes[event.key] = Outcome(status=event.status, reason=event.reason)
    return outcomes, heard, executor


def losses(job: TrainCohort) -> list[str]:
    return [trial.lessons[0].loss.use for trial in job.trials]


def test_students_are_trained_after_their_teacher_in_cohorts(plan: Plan, tmp_path: Path) -> None:
    outcomes, heard, executor = go(plan, tmp_path, lambda job: [trained(job)], set())
    teacher = plan.waves[0][0]
    assert executor.asked[0].trials == (teacher,)  # others wait for it
    assert [losses(job) for job in executor.asked] == [["cross_entropy"]] * 3 + [["kd", "logit_mse"]] * 2
    assert outcomes == dict.fromkeys(plan.trials, DONE)
    assert sum(isinstance(event, LaidOut) for event in heard) == 2
    assert {event.top1 for event in heard if isinstance(event, TrialEnded)} == {0.5}


def test_progress_is_passed_on(plan: Plan, tmp_path: Path) -> None:
    epoch = EpochFinished(key="x", epoch=1, train_loss=0.1, top1=0.2)
    _, heard, executor = go(plan, tmp_path, lambda job: [epoch, trained(job)], set())
    assert heard.count(epoch) == len(executor.asked)


def test_a_lost_teacher_loses_its_students_with_its_reason(plan: Plan, tmp_path: Path) -> None:
    teacher = plan.waves[0][0].key
    lost = Outcome(status="failed", reason="diverged: NaN")
    outcomes, _, executor = go(plan, tmp_path, lambda job: [trained(job, **{teacher: lost})], set())
    assert len(executor.asked) == 3
    taught = [outcomes[key] for key, trial in plan.trials.items() if trial.teachers]
    reason = f"its teacher {plan.trials[teacher].model.label} was not trained: diverged: NaN"
    assert taught == [Outcome(status="failed", reason=reason)] * 4


def test_a_cohort_that_crashes_is_trained_one_by_one_without_what_it_had_recorded(plan: Plan, tmp_path: Path) -> None:
    first, second = (trial.key for trial in plan.trials.values() if trial.seed == 0 and trial.teachers)
    keys: set[str] = set()

    def answer(job: TrainCohort) -> list[Record]:
        if len(job.trials) > 1 and job.trials[0].key == first:
            keys.add(first)  # it was recorded before its process died
            return [Crashed(reason="its process was killed by SIGKILL")]
        return [trained(job)]

    outcomes, heard, _ = go(plan, tmp_path, answer, keys)
    assert outcomes == dict.fromkeys(
        plan.trials, Outcome(status="failed", reason="its process was killed by SIGKILL")
    ) | {key: DONE for key in plan.trials if key != second}
    assert not [event for event in heard if isinstance(event, Noted)]  # a single one that is left is not tried again


def test_a_model_whose_process_was_killed_is_tried_once_more(plan: Plan, tmp_path: Path) -> None:
    killed = Crashed(reason="its process was killed by SIGKILL (out of memory?)", killed=True)
    teacher, alone = plan.waves[0][0].key, plan.waves[0][1].key
    asked: list[str] = []

    def answer(job: TrainCohort) -> list[Record]:
        key = job.trials[0].key
        asked.append(key)
        return [killed] if key == alone or (key == teacher and asked.count(key) == 1) else [trained(job)]

    outcomes, heard, _ = go(plan, tmp_path, answer, set())
    assert (asked.count(teacher), asked.count(alone)) == (2, 2)
    assert {key for key, outcome in outcomes.items() if outcome.status == "failed"} == {alone}
    notes = {event.text for event in heard if isinstance(event, Noted)}
    assert notes == {f"the training of a model was killed and is tried again: {killed.reason}"}


def test_what_crashes_alone_too_has_failed(plan: Plan, tmp_path: Path) -> None:
    bad = next(key for key, trial in plan.trials.items() if trial.teachers)

    def answer(job: TrainCohort) -> list[Record]:
        if any(trial.key == bad for trial in job.trials):
            return [Crashed(reason="ValueError: seven", traceback="where it was")]
        return [trained(job)]

    outcomes, heard, executor = go(plan, tmp_path, answer, set())
    assert {key for key, outcome in outcomes.items() if outcome.status == "failed"} == {bad}
    (note,) = (event for event in heard if isinstance(event, Noted))
    assert note.text == "a cohort of 2 models crashed and was trained one by one: ValueError: seven"
    assert [len(job.trials) for job in executor.asked[3:]] == [2, 2, 1, 1]
    (failed,) = (event for event in heard if isinstance(event, TrialEnded) and event.status == "failed")
    assert (failed.reason, failed.traceback) == ("ValueError: seven", "where it was")


def test_a_job_without_an_answer_has_failed_its_trials(plan: Plan, tmp_path: Path) -> None:
    outcomes, _, _ = go(plan, tmp_path, lambda job: [trained(job)] if len(job.trials) == 1 else [], set())
    unanswered = Outcome(status="failed", reason="its job ended without an answer")
    assert [outcomes[key] for key, trial in plan.trials.items() if trial.teachers] == [unanswered] * 4


def rehearsed(
    plan: Plan, root: Path, answer: Callable[[Rehearse], Iterable[Record]]
) -> tuple[list[RunEvent], Scripted]:
    """What is said of trials, once it was said how many rehearsals are ahead and that each was made."""
    executor = Scripted(answer)
    heard = list(check(plan, {}, place(root, executor=executor)))
    rehearsals = [event for event in heard if isinstance(event, Ahead | Rehearsed)]
    assert rehearsals == [Ahead(work="check", units=len(executor.asked)), *[Rehearsed()] * len(executor.asked)]
    return [event for event in heard if event not in rehearsals], executor


def test_trials_are_rehearsed_once_for_all_seeds_under_their_parents(plan: Plan, tmp_path: Path) -> None:
    heard, executor = rehearsed(plan, tmp_path, lambda job: [RehearsalDone()])
    assert heard == []
    assert [job.trial.lessons[0].loss.use for job in executor.asked] == [
        "cross_entropy", "cross_entropy", "kd", "logit_mse",
    ]  # fmt: skip
    teacher = plan.waves[0][0]
    assert [job.parents for job in executor.asked] == [(), (), (teacher,), (teacher,)]


def test_what_differs_in_nothing_but_its_depth_is_rehearsed_once(tmp_path: Path) -> None:
    chained = api.plan(small_suite(seeds=1, losses=["kd"], teaching=[{"use": "generations", "count": 5}]))
    _, executor = rehearsed(chained, tmp_path, lambda job: [RehearsalDone()])
    assert len(chained.trials) == 6
    # The first generation has another teacher than the later ones, which have each other.
    assert [job.trial.lessons[0].loss.use for job in executor.asked] == ["cross_entropy", "kd", "kd"]


def test_what_cannot_run_is_skipped_with_all_its_seeds(plan: Plan, tmp_path: Path) -> None:
    def answer(job: Rehearse) -> list[Record]:
        return [RehearsalDone(reason="it does not fit" if job.trial.lessons[0].loss.use == "kd" else None)]

    heard, _ = rehearsed(plan, tmp_path, answer)
    skipped = [key for key, trial in plan.trials.items() if trial.lessons[0].loss.use == "kd"]
    told = TrialEnded(key="", status="skipped", reason="it does not fit", repeats=True)
    assert heard == [told.model_copy(update={"key": key}) for key in skipped]
    assert len(skipped) == 2


def test_notes_on_the_data_are_told_once(plan: Plan, tmp_path: Path) -> None:
    def answer(job: Rehearse) -> list[Record]:
        more = ("odd",) if job.trial.lessons[0].loss.use == "kd" else ()
        return [RehearsalDone(reason="it does not fit" if more else None, notes=("shared", *more))]

    heard, _ = rehearsed(plan, tmp_path, answer)
    assert [event.text for event in heard if isinstance(event, Noted)] == ["shared", "odd"]


def test_a_layer_that_no_pair_has_is_refused_and_one_that_some_pair_has_is_skipped_in_the_others(
    tmp_path: Path,
) -> None:
    pairs = [{"teacher": "cnn", "student": "cnn"}, {"teacher": "cnn", "student": "mlp"}]
    two = api.plan(small_suite(losses=["kd", {"use": "fitnet", "student_layer": "conv1"}], pairs=pairs))

    def lacking(*students: str) -> Callable[[Rehearse], Iterable[Record]]:
        def answer(job: Rehearse) -> list[Record]:
            lacks = job.trial.lessons[0].loss.use == "fitnet" and job.trial.model.use in students
            return [RehearsalDone(reason="no layer 'conv1'" if lacks else None, no_such_layer=lacks)]

        return answer

    heard, _ = rehearsed(two, tmp_path, lacking("mlp"))
    skipped = [event for event in heard if isinstance(event, TrialEnded)]
    assert [(event.status, event.reason) for event in skipped] == [("skipped", "no layer 'conv1'")] * len(skipped)
    assert {two.trials[event.key].model.use for event in skipped} == {"mlp"}
    with pytest.raises(UserError, match=r"fitnet\(student_layer=conv1\): no layer 'conv1'\n  help: correct the name"):
        rehearsed(two, tmp_path, lacking("cnn", "mlp"))


def test_a_rehearsal_that_crashes_fails_its_trials_at_once(plan: Plan, tmp_path: Path) -> None:
    def answer(job: Rehearse) -> list[Record]:
        crashes = job.trial.lessons[0].loss.use == "kd"
        return [Crashed(reason="ValueError: seven", traceback="where it was") if crashes else RehearsalDone()]

    heard, _ = rehearsed(plan, tmp_path, answer)
    failed = [key for key, trial in plan.trials.items() if trial.lessons[0].loss.use == "kd"]
    told = {"status": "failed", "reason": "ValueError: seven", "traceback": "where it was"}
    assert heard == [TrialEnded(key=key, **told) for key in failed]  # type: ignore[arg-type]


def test_each_network_is_exported_once_before_it_is_trained(plan: Plan, tmp_path: Path) -> None:
    _, executor = rehearsed(plan, tmp_path, lambda job: [RehearsalDone()])
    assert [job.exported for job in executor.asked] == [True, True, False, False]
    assert executor.asked[0].trial.model != executor.asked[1].trial.model
