"""Which verdicts count as wrong."""

import pytest

from kdbench.results.selftest import Judged


def judged(**changes: object) -> Judged:
    content: dict[str, object] = {"gate": "latency", "rule": "kdbench check", "truth": "the same work"}
    content |= {"regressed": False, "trials": 20, "failed": 3, "undecided": 4, "ours": True}
    return Judged.model_validate(content | changes)


@pytest.mark.parametrize(
    ("regressed", "wrong", "goal"),
    [(False, 3, 0.01), (True, 17, 0.05)],  # false alarms; those that are not called regressed, undecided ones too
)
def test_false_alarms_and_misses(regressed: bool, wrong: int, goal: float) -> None:
    found = judged(regressed=regressed)
    assert (found.wrong, found.goal) == (wrong, goal)
    assert judged(regressed=regressed, ours=False).goal is None
