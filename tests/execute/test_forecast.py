"""How long a run will still take, by a clock that the test turns."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from kdbench import api
from kdbench.execute.events import (
    Ahead,
    Evaluated,
    Exported,
    LaidOut,
    LatencyMeasured,
    Planned,
    Rehearsed,
    RoundFinished,
    TrialEnded,
)
from kdbench.execute.forecast import USUAL, Forecast
from kdbench.execute.workers.messages import EpochFinished
from kdbench.results import Layout, Store
from kdbench.spec import Gate, How, Plan
from tests.execute.running import place, run
from tests.small import small_suite

ONE = Layout(processes=1, threads=1)


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def plan() -> Plan:
    """A teacher and two students of two epochs each; nothing is corrupted, and nothing timed."""
    return api.plan(small_suite(seeds=1, latency={"batch_sizes": []}))


def everything(plan: Plan) -> Planned:
    return Planned(plan, frozenset(plan.trials))


def epoch(key: str, number: int) -> EpochFinished:
    return EpochFinished(key=key, epoch=number, train_loss=1.0, top1=0.5)


def test_nothing_is_said_of_training_before_any_is_measured(plan: Plan, clock: Clock) -> None:
    forecast = Forecast(clock=clock)
    forecast.hear(everything(plan))
    assert (forecast.at, forecast.seconds_left()) == ("train", None)


def test_epochs_of_an_interrupted_run_were_not_trained_in_this_one(plan: Plan, clock: Clock) -> None:
    """The teacher goes on after one of its two epochs: 10 s for the other, and four of two students are left."""
    forecast, (first, *_) = Forecast(clock=clock), plan.trials
    forecast.hear(everything(plan))
    forecast.hear(LaidOut(layout=ONE))
    forecast.hear(epoch(first, 1))
    clock.now = 10
    forecast.hear(epoch(first, 2))
    assert forecast.seconds_left() == 4 * 10 + 6 * USUAL["test"] + USUAL["report"]


def test_epochs_left_take_as_long_as_those_before(plan: Plan, clock: Clock) -> None:
    forecast, (first, *_) = Forecast(clock=clock), plan.trials
    forecast.hear(everything(plan))
    forecast.hear(LaidOut(layout=ONE))
    forecast.hear(epoch(first, 0))
    clock.now = 10
    forecast.hear(epoch(first, 1))
    # Five epochs of 10 s; three files are then exported and evaluated, and the page is written.
    assert forecast.seconds_left() == 5 * 10 + 6 * USUAL["test"] + USUAL["report"]
    clock.now = 14
    forecast.hear(TrialEnded(key=first, status="done", top1=0.5))
    assert forecast.ended == 1
    assert forecast.seconds_left() == 4 * 7 + 6 * USUAL["test"] + USUAL["report"]


def test_a_check_has_ahead_what_its_gates_hold_and_no_report(clock: Clock) -> None:
    conditions = [{"use": "contrast", "factor": each, "name": f"contrast {each}"} for each in (0.4, 0.2)]
    plan, forecast = api.plan(small_suite(seeds=1, conditions=conditions)), Forecast(clock=clock)
    gate = Gate(metric="top1", condition="contrast 0.4", may_drop=0.1)
    forecast.hear(Planned(plan, frozenset(plan.trials), (gate,)))
    for key in plan.trials:
        forecast.hear(TrialEnded(key=key, status="done", top1=0.5))
    assert forecast.seconds_left() == pytest.approx(6 * USUAL["test"] + 3 * USUAL["conditions"])


def test_one_kind_of_work_follows_the_other(plan: Plan, clock: Clock) -> None:
    forecast, keys = Forecast(clock=clock), list(plan.trials)
    forecast.hear(everything(plan))
    forecast.hear(Ahead(work="check", units=2))
    assert forecast.at == "check"
    for _ in range(2):
        forecast.hear(Rehearsed())
    assert forecast.at == "train"
    for key in keys:
        forecast.hear(TrialEnded(key=key, status="done", top1=0.5))
    assert forecast.at == "test"
    forecast.hear(Ahead(work="test", units=3))
    clock.now = 6
    for key in keys[:2]:
        forecast.hear(Exported(key=key))
    assert forecast.seconds_left() == 3 + USUAL["report"]  # one more, as long as each of two took
    forecast.hear(Ahead(work="conditions", units=4))
    assert forecast.at == "conditions"  # what was thought to be left of the test was not there
    forecast.hear(Evaluated(what="condition noise", models=4, of=4))
    assert (forecast.at, forecast.seconds_left()) == ("report", USUAL["report"])


def test_a_ratio_that_does_not_settle_has_further_rounds_ahead(clock: Clock) -> None:
    forecast = Forecast(clock=clock)
    forecast.hear(Ahead(work="timing", units=2 * 5))  # a ratio, and a tie check
    for number in range(1, 6):
        clock.now += 3
        forecast.hear(RoundFinished(number=number, most=16))
    assert forecast.seconds_left() == 5 * 3
    clock.now += 3
    forecast.hear(RoundFinished(number=6, most=16, further=5))
    assert forecast.seconds_left() == (4 + 5) * 3
    how = How(provider="cpu", threads=1, batch=1)
    clock.now += 15
    forecast.hear(LatencyMeasured(key="k", label="x", how=how, ratio=1.0, slice_pairs=40, tie=True))
    assert forecast.seconds_left() == 4 * 3


def test_records_of_the_store_tell_what_epochs_cost(tmp_path: Path, clock: Clock) -> None:
    run(small_suite(seeds=1, latency={"batch_sizes": []}), place(tmp_path))
    store = Store(tmp_path)
    plan = api.plan(small_suite(seeds=2, latency={"batch_sizes": []}), store=store)
    lacking = [key for key in plan.trials if not store.is_trained(key)]
    forecast = Forecast(store, processes=2, clock=clock)
    forecast.hear(Planned(plan, frozenset(lacking)))
    alike = {trial.lessons[0].loss.use: key for key, trial in plan.trials.items() if key not in lacking}
    costs = [store.read_trial(key).training for key in plan.trials if key not in lacking]
    expected = [
        store.read_trial(alike[plan.trials[key].lessons[0].loss.use]).training.shared_seconds for key in lacking
    ]
    assert (len(lacking), len(costs)) == (2, 3)
    # Of three networks two epochs each, over the validation split; the test split is taken for twice as large.
    a_pass = 2 * sum(cost.evaluation_seconds / 2 for cost in costs) / 3 / 2
    after = 4 * (USUAL["test"] + a_pass) + USUAL["report"]
    assert forecast.seconds_left() == pytest.approx(sum(expected) / 2 + after)
