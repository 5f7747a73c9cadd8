"""Rows at several budgets, tuned rows, and confirmations: what follows from trials that are done."""

from pathlib import Path
from typing import Any

import pytest

from kdbench.spec import Choice, Plan, Site, UserError, plan
from kdbench.spec.planning.choices import Finished
from kdbench.spec.suite import SEEDS_TO_CONFIRM
from kdbench.statistics.paired import SEEDS_FOR_A_CLAIM
from kdbench.zoo.catalog import Catalog
from tests.small import small_suite

SEEDS: dict[str, Any] = {"seeds": 5, "budget": {"by": "both", "alone": [1, 2]}}


def of_role(found: Plan, role: str) -> list[tuple[str, int]]:
    return [(entry.row, entry.seed) for entry in found.entries if entry.role == role]


def ended(found: Plan, **validation: float) -> dict[str, Finished]:
    """All trials of a plan, with an accuracy by loss; distilling takes 2.5 times as long."""
    return {
        entry.key: Finished(validation.get(entry.loss, 0.5), 25.0 if entry.loss == "kd" else 10.0)
        for entry in found.entries
    }


def test_the_student_alone_has_rows_for_longer_training() -> None:
    found = plan(small_suite(seeds=1, budget={}), Catalog())
    rows = ["cross_entropy", "cross_entropy, 2 x epochs", "cross_entropy, 4 x epochs", "kd"]
    assert of_role(found, "student") == [(row, 0) for row in rows]
    epochs = [found.trials[entry.key].train.epochs for entry in found.entries if entry.role == "student"]
    assert epochs == [2, 4, 8, 2]


def test_every_other_loss_has_the_budgets_that_it_is_given() -> None:
    found = plan(small_suite(seeds=1, budget={"by": "epochs", "losses": [0.5, 1]}), Catalog())
    assert [row for row, _ in of_role(found, "student")] == ["cross_entropy", "kd, 0.5 x epochs", "kd"]


def test_a_teacher_that_brings_its_weights_is_one_trial_without_training(tmp_path: Path) -> None:
    file = tmp_path / "teacher.pt"
    file.write_bytes(b"abc")
    pair = {"teacher": {"use": "mlp", "hidden": [16], "weights": str(file)}, "student": {"use": "mlp", "hidden": [8]}}
    found = plan(small_suite(seeds=[3, 4], pairs=[pair]), Catalog())
    (entry,) = (entry for entry in found.entries if entry.role == "teacher")
    teacher = found.trials[entry.key]
    assert (entry.seed, teacher.seed, len(teacher.epochs)) == (3, 0, 0)
    assert teacher.weights
    assert teacher.model == Choice(use="mlp", options={"hidden": [16], "dropout": 0.0})
    distilled = [found.trials[each.key] for each in found.entries if each.loss == "kd"]
    assert [trial.teachers for trial in distilled] == [(entry.key,)] * 2


def test_milestones_move_with_the_epochs() -> None:
    train = {"epochs": 10, "schedule": {"use": "step", "milestones": [5, 8]}}
    found = plan(small_suite(seeds=1, train=train, budget={"alone": [1, 2]}), Catalog())
    longer = next(entry for entry in found.entries if entry.budget == 2)
    assert found.trials[longer.key].train.model_dump()["schedule"]["milestones"] == (10, 16)


def test_a_loss_may_change_the_recipe() -> None:
    changed = {"use": "kd", "lr": 0.2, "train": {"batch_size": 32, "optimizer": {"nesterov": True}}}
    found = plan(small_suite(seeds=1, losses=["cross_entropy", changed]), Catalog())
    rows = [entry for entry in found.entries if entry.role == "student"]
    name = "kd(lr=0.2, train.batch_size=32, train.optimizer.nesterov=True)"
    assert [row.loss for row in rows] == ["cross_entropy", name]
    alone, kd = (found.trials[row.key].train for row in rows)
    usual = {"use": "sgd", "lr": 0.05, "momentum": 0.9, "weight_decay": 5e-4, "decay": "all", "nesterov": False}
    assert (alone.batch_size, alone.optimizer.model_dump()) == (64, usual)
    assert (kd.batch_size, kd.optimizer.model_dump()) == (32, usual | {"lr": 0.2, "nesterov": True})


def test_tuned_rows_follow_once_all_their_tries_have_ended() -> None:
    suite = small_suite(tuning={"trials": 3, "seeds": [100, 101], "epochs": 1})
    first = plan(suite, Catalog())
    assert len(of_role(first, "try")) == 2 * 3 * 2
    assert {trial.train.epochs for trial in first.trials.values() if trial.seed >= 100} == {1}
    assert len(first.later) == 2
    assert not any(entry.tuned for entry in first.entries)

    tries = [entry for entry in first.entries if entry.role == "try" and entry.loss == "kd"]
    done = {entry.key: Finished(0.9 if entry.position == 2 else 0.5) for entry in tries}
    second = plan(suite, Catalog(), done)
    assert of_role(second, "student")[-2:] == [("kd, tuned", 0), ("kd, tuned", 1)]
    (note,) = second.later
    assert "cross_entropy, tuned" in note
    tuned = next(entry for entry in second.entries if entry.tuned)
    assert tuned.settings == next(entry.settings for entry in tries if entry.position == 2)
    trial = second.trials[tuned.key]
    assert trial.train.optimizer.lr == tuned.settings["lr"]
    assert trial.train.epochs == 2
    assert trial.lessons[0].loss.options["temperature"] == tuned.settings["temperature"]


def test_a_loss_all_of_whose_tries_failed_has_no_tuned_row() -> None:
    suite = small_suite(tuning={"trials": 2})
    first = plan(suite, Catalog())
    second = plan(suite, Catalog(), {e.key: Finished(None) for e in first.entries if e.role == "try"})
    assert second.later == ()
    assert not any(entry.tuned for entry in second.entries)


def test_optuna_asks_for_one_try_after_the_other() -> None:
    pytest.importorskip("optuna")
    suite = small_suite(losses=["kd"], tuning={"trials": 3, "search": "optuna"})
    done: dict[str, Finished] = {}
    for number in (1, 2, 3):
        tries = [entry for entry in plan(suite, Catalog(), done).entries if entry.role == "try"]
        assert [entry.position for entry in tries] == list(range(1, number + 1))
        done = {entry.key: Finished(0.5) for entry in tries}
    assert any(entry.tuned for entry in plan(suite, Catalog(), done).entries)


def test_a_search_whose_package_is_not_installed_is_refused_when_it_is_planned(monkeypatch) -> None:
    monkeypatch.setattr("kdbench.spec.resolve.find_spec", lambda _: None)
    with pytest.raises(UserError, match=r"needs the package optuna.* at tuning.search\n  help: pip install"):
        plan(small_suite(losses=["kd"], tuning={"trials": 3, "search": "optuna"}), Catalog())


def test_the_candidate_and_the_student_alone_are_trained_at_seeds_of_their_own() -> None:
    suite = small_suite(**SEEDS)
    first = plan(suite, Catalog())
    assert of_role(first, "confirmation") == []
    assert "confirmation" in first.later[0]
    second = plan(suite, Catalog(), ended(first, kd=0.8))
    assert second.later == ()
    assert of_role(second, "confirmation") == [
        (row, seed) for row in ("kd", "cross_entropy", "cross_entropy, 2.5 x epochs") for seed in range(5, 10)
    ]
    longer = next(entry for entry in second.entries if entry.budget == 2.5)
    assert second.trials[longer.key].train.epochs == 5
    assert second.evaluated <= second.trials.keys()
    assert not second.evaluated & second.reported


def test_at_equal_epochs_nothing_is_trained_longer_to_confirm() -> None:
    suite = small_suite(**{**SEEDS, "budget": {"by": "epochs"}})
    second = plan(suite, Catalog(), ended(plan(suite, Catalog()), kd=0.8))
    assert {row for row, _ in of_role(second, "confirmation")} == {"kd", "cross_entropy"}


@pytest.mark.parametrize("kd", [0.4, 0.5])
def test_where_the_student_alone_is_as_good_there_is_nothing_to_confirm(kd: float) -> None:
    suite = small_suite(**SEEDS)
    assert of_role(plan(suite, Catalog(), ended(plan(suite, Catalog()), kd=kd)), "confirmation") == []


def with_control(site: Site, taught: bool) -> str:
    """As `single`; the student alone begins where the trial of another seed ends."""
    if taught:
        return site.add(site.student(site.teacher()))
    before = site.add(site.student().model_copy(update={"seed": site.seed + 100}))
    return site.add(site.student().model_copy(update={"start": (before,)}))


def test_a_candidate_is_confirmed_against_the_student_alone_of_its_way() -> None:
    catalog = Catalog((__name__,))
    suite = small_suite(**SEEDS, teaching=[{"use": f"{__name__}:with_control", "name": "way"}])
    second = plan(suite, catalog, ended(plan(suite, catalog), kd=0.8))
    confirmed = {row for row, _ in of_role(second, "confirmation")}
    assert confirmed == {"kd, way", "cross_entropy, way", "cross_entropy, way, 2.5 x epochs"}


def test_only_tuned_rows_are_candidates_where_there_was_a_tuning() -> None:
    suite = small_suite(**SEEDS, tuning={"trials": 2})
    found = plan(suite, Catalog())
    for _ in range(2):
        found = plan(suite, Catalog(), ended(found, kd=0.8))
    confirmed = {row for row, _ in of_role(found, "confirmation")}
    assert confirmed == {"kd, tuned", "cross_entropy, tuned", "cross_entropy, tuned, 2.5 x epochs"}


def test_no_candidate_is_chosen_as_long_as_a_row_is_still_to_be_tuned() -> None:
    """As in a plan of a store in which a run was interrupted."""
    suite = small_suite(**SEEDS, losses=["cross_entropy", "kd", "logit_mse"], tuning={"trials": 2})
    found = plan(suite, Catalog())
    for _ in range(3):
        done = ended(found, kd=0.8)
        late = {entry.key for entry in found.entries if entry.role == "try" and entry.loss == "logit_mse"}
        found = plan(suite, Catalog(), {key: each for key, each in done.items() if key not in late})
    assert any(entry.row == "kd, tuned" for entry in found.entries)
    assert of_role(found, "confirmation") == []


def test_few_seeds_or_one_loss_confirm_nothing() -> None:
    assert small_suite(seeds=4).confirming == ()
    assert small_suite(seeds=5, losses=["kd"]).confirming == ()
    assert small_suite(seeds=5, confirm_seeds=0).confirming == ()
    assert small_suite(seeds=4, confirm_seeds=2).confirming == (4, 5)
    assert small_suite(seeds=5).confirming == (5, 6, 7, 8, 9)


def test_as_many_seeds_confirm_as_a_claim_needs() -> None:
    assert SEEDS_TO_CONFIRM == SEEDS_FOR_A_CLAIM


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"losses": ["cross_entropy", {"use": "kd", "lr": "fast"}]}, 'losses[1].lr is "fast"|lr is "fast"'),
        ({"losses": ["cross_entropy", {"use": "kd", "lr": -1.0}]}, "lr is -1.0"),
        ({"losses": [{"use": "kd", "lr": 0.1, "train": {"optimizer": {"lr": 0.2}}}]}, "both lr = 0.1"),
        ({"losses": [{"use": "kd", "train": {"epochs": 3}}]}, "a loss has the epochs of the suite"),
        ({"losses": [{"use": "kd", "train": {"batch": 3}}]}, "unknown key 'batch'"),
        ({"losses": [{"use": "kd", "train": {"augment": ["flop"]}}]}, "unknown view 'flop'"),
        ({"losses": [{"use": "kd", "heat": {"grid": [1, 2]}}]}, "unknown option 'heat'"),
        ({"losses": [{"use": "kd", "lr": {"grid": [0.1, 0.2]}}], "tuning": {}}, "is swept in a suite with [tuning]"),
        ({"budget": {"alone": [2, 4]}}, "without 1"),
        ({"budget": {"alone": [1, 1.1]}}, "of which several come to 2 epochs"),
        ({"budget": {"losses": [1, 8]}}, "nothing has the cost of such a loss"),
        ({"budget": {"by": "cost", "alone": [1]}}, "nothing has the cost of a loss"),
        ({"budget": {"by": "epochs", "alone": [1, 3]}}, "trains the student alone once"),
        ({"losses": ["kd"], "confirm_seeds": 5}, "the suite has no 'cross_entropy'"),
        ({"losses": ["cross_entropy"], "confirm_seeds": 5}, "the suite has no loss beside it"),
        (
            {"train": {"epochs": 4, "batch_size": 64, "warmup_epochs": 1.0}, "tuning": {"epochs": 1}},
            "the warm-up takes 1 epochs",
        ),
        ({"tuning": {"seeds": [1]}}, "tuning.seeds has 1"),
        ({"confirm_seeds": [1, 2]}, "confirm_seeds has 1"),
        ({"confirm_seeds": [1000], "tuning": {}}, "confirm_seeds has 1000"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_message(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError) as caught:
        plan(small_suite(**{"budget": {}} | changes), Catalog())
    (problem,) = caught.value.problems
    assert any(text in problem.what for text in words.split("|"))


def test_seeds_to_confirm_are_none_of_the_tuning() -> None:
    assert small_suite(seeds=5, tuning={"seeds": [5, 7]}).confirming == (6, 8, 9, 10, 11)
