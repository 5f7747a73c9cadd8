"""peers, branches and self: what their joint trials learn from, and which head a row reports."""

import pytest

from kdbench import api
from kdbench.spec import Trial, UserError
from tests.small import small_suite


def made(use: str, **options: object) -> dict[str, list[Trial]]:
    """By row and role the trials of one seed."""
    way = {"use": use, "options": options, "name": "way"}
    plan = api.plan(small_suite(seeds=1, teaching=["single", way], losses=["cross_entropy", "kd"]))
    found: dict[str, list[Trial]] = {}
    for entry in plan.entries:
        found.setdefault(f"{entry.row} {entry.role}", []).append(plan.trials[entry.key])
    return found


def lessons(trial: Trial) -> list[tuple[str, tuple[str, ...], tuple[str, ...], float]]:
    return [(each.loss.use, each.heads, each.peers, each.weight) for each in trial.lessons]


def test_each_peer_learns_from_the_mean_of_the_losses_under_all_others() -> None:
    (trial,) = made("peers", count=3)["kd, way student"]
    names = ("peer 1", "peer 2", "peer 3")
    assert lessons(trial) == [("kd", (own,), (other,), 0.5) for own in names for other in names if own != other]
    assert (trial.deploys, trial.teachers) == (("peer 1",), ())


def test_peers_alone_are_side_by_side() -> None:
    (trial,) = made("peers")["cross_entropy, way student"]
    assert lessons(trial) == [("cross_entropy", (name,), (), 1.0) for name in ("peer 1", "peer 2")]


def test_another_peer_is_taken_out_of_the_same_weights_without_training() -> None:
    (first,) = made("peers")["kd, way student"]
    found = made("peers", peer=2)
    (step,), (second,) = found["kd, way step"], found["kd, way student"]
    assert step == first
    assert (second.start, second.train.epochs, second.deploys) == ((first.key,), 0, ("peer 2",))


def test_branches_learn_from_the_gate_and_the_gate_from_labels() -> None:
    (trial,) = made("branches", count=2)["kd, way student"]
    assert lessons(trial) == [
        ("kd", ("branch 1",), ("gate",), 1.0),
        ("kd", ("branch 2",), ("gate",), 1.0),
        ("cross_entropy", ("gate",), (), 1.0),
    ]
    (gated,) = made("branches", count=2, gated=True)["kd, way student"]
    assert (gated.start, gated.deploys) == ((trial.key,), ("gate",))


def test_the_last_exit_learns_from_labels_and_teaches_the_others() -> None:
    found = made("self", at=["first"])
    (trial,), (alone,) = found["kd, way student"], found["cross_entropy, way student"]
    assert lessons(trial) == [("kd", ("exit 1",), ("exit 2",), 1.0), ("cross_entropy", ("exit 2",), (), 1.0)]
    assert lessons(alone) == [("cross_entropy", (name,), (), 1.0) for name in ("exit 1", "exit 2")]
    assert trial.deploys == ("exit 2",)
    (shallow,) = made("self", at=["first"], exit=1)["kd, way student"]
    assert (shallow.start, shallow.deploys) == ((trial.key,), ("exit 1",))


@pytest.mark.parametrize(
    ("use", "options", "text"),
    [
        ("peers", {"count": 2, "peer": 3}, "reports peer 3 of 2"),
        ("branches", {"count": 2, "branch": 3}, "reports branch 3 of 2"),
        ("branches", {"count": 2, "branch": 2, "gated": True}, "reports branch 2, and with gated = true all of them"),
        ("self", {"at": ["first"], "exit": 3}, "has 2 exits, and exit is 3"),
        ("self", {"at": []}, "has 1 exits"),
    ],
)
def test_a_head_that_there_is_not_is_refused(use: str, options: dict, text: str) -> None:
    with pytest.raises(UserError, match=text):
        made(use, **options)
