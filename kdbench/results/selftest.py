"""What `kdbench selftest` found: how often a verdict was wrong in trials whose truth is known."""

from typing import Literal

from pydantic import JsonValue

from kdbench.spec import Record
from kdbench.spec.choice import Several

FALSE_ALARMS, MISSES = 0.01, 0.05  # that the gate may have, as shares of its trials


class Judged(Record):
    """Verdicts of one rule on trials in which the same is true."""

    gate: Literal["latency", "accuracy"]
    rule: str  # whose verdicts
    truth: str  # `no change`, `10 % more work`
    regressed: bool  # whether it is a regression that has to be found
    trials: int
    failed: int  # verdicts 'regressed'
    undecided: int = 0
    ours: bool  # whether it is kdbench's: others are shown beside it, and have no goal
    observed: float | None = None  # ratio of latencies, over all trials
    effort: float | None = None  # rounds or seeds of a trial, on average

    @property
    def wrong(self) -> int:
        """False alarms, or regressions that were missed."""
        return self.trials - self.failed if self.regressed else self.failed

    @property
    def goal(self) -> float | None:
        """The share of wrong verdicts that there may be; none for rules of others."""
        return (MISSES if self.regressed else FALSE_ALARMS) if self.ours else None


class SelfTest(Record):
    """All trials that ended, and where they took place."""

    judged: Several[Judged]
    busy: int  # other processes that were kept busy meanwhile
    seconds: float
    machine: dict[str, JsonValue]
    finished: str  # ISO 8601, UTC
    interrupted: bool = False  # before all trials had ended
