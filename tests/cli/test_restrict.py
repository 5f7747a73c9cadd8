"""Pairs, losses, seeds and epochs chosen on the command line."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kdbench.cli import restrict as restricting
from kdbench.spec import Suite, UserError
from kdbench.spec.recipe import learning_rate_factor
from kdbench.zoo.catalog import Catalog
from tests.small import small_suite

MODELS = {"teacher": {"use": "cnn", "width": 8, "depth": 3}, "student": {"use": "mlp", "hidden": [8, 4]}}
SUITE = small_suite(
    seeds=5,
    teacher_seeds=3,
    pairs=[
        {"teacher": "cifar:resnet56", "student": "cifar:resnet20", "name": "resnet56:resnet20"},
        {"teacher": "cifar:vgg13", "student": "cifar:vgg8", "name": "vgg"},
        {"teacher": "cifar:vgg13", "student": "cifar:vgg8", "name": "vgg, slowly", "lr": 0.01},
        MODELS,
    ],
    losses=["cross_entropy", "kd", {"use": "kd", "name": "hot", "temperature": 20.0}, {"use": "dkd", "beta": 2.0}],
)


def restrict(suite: Suite, **part: Any) -> Suite:
    return restricting.restrict(suite, Catalog(), **part)


def pairs(*typed: str) -> list[str]:
    return [pair.label for pair in restrict(SUITE, pairs=typed).pairs]


def losses(*typed: str) -> list[str]:
    return [loss.label for loss in restrict(SUITE, losses=typed).losses]


@pytest.mark.parametrize(
    ("typed", "chosen"),
    [
        (["resnet56:resnet20"], ["resnet56:resnet20"]),
        (["cifar:resnet56:cifar:resnet20"], ["resnet56:resnet20"]),
        (["cifar:vgg13:cifar:vgg8"], ["vgg", "vgg, slowly"]),  # all pairs of these models
        (["vgg, slowly"], ["vgg, slowly"]),  # a name with a comma in it
        (["vgg,resnet56:resnet20"], ["resnet56:resnet20", "vgg"]),  # in the suite's order
        (["vgg", "resnet56:resnet20", "vgg"], ["resnet56:resnet20", "vgg"]),
        ([" vgg , ,resnet56:resnet20,"], ["resnet56:resnet20", "vgg"]),
        (["cnn(width=8, depth=3):mlp(hidden=8-4)"], ["cnn(width=8, depth=3) -> mlp(hidden=8-4)"]),
        (["vgg,cnn(width=8, depth=3) -> mlp(hidden=8-4)"], ["vgg", "cnn(width=8, depth=3) -> mlp(hidden=8-4)"]),
    ],
)
def test_pairs_go_by_name_or_by_models(typed: list[str], chosen: list[str]) -> None:
    assert pairs(*typed) == chosen


@pytest.mark.parametrize(
    ("typed", "chosen"),
    [
        (["kd"], ["kd"]),  # the name says which of its two variants is meant
        (["hot,cross_entropy"], ["cross_entropy", "hot"]),
        (["dkd(beta=2.0)"], ["dkd(beta=2.0)"]),
        (["dkd"], ["dkd(beta=2.0)"]),  # no loss is called that, but one uses it
    ],
)
def test_losses_go_by_name_or_by_use(typed: list[str], chosen: list[str]) -> None:
    assert losses(*typed) == chosen


def test_nothing_typed_leaves_the_suite_as_it_is() -> None:
    assert restrict(SUITE) == SUITE


def test_settings_of_a_sweep_go_by_their_names() -> None:
    sweep = {"use": "kd", "temperature": {"grid": [2.0, 8.0]}}
    suite = small_suite(losses=["cross_entropy", sweep])

    def chosen(*typed: str) -> list[tuple[str, object]]:
        return [(loss.label, loss.options.get("temperature")) for loss in restrict(suite, losses=typed).losses]

    assert chosen("kd(temperature=8.0)") == [("kd(temperature=8.0)", 8.0)]
    assert chosen("kd") == [("kd(temperature=2.0)", 2.0), ("kd(temperature=8.0)", 8.0)]
    with pytest.raises(UserError, match=r"has no 'kd\(temperature=4\)'\n  help: did you mean 'kd\(temperature="):
        chosen("kd(temperature=4)")


@pytest.mark.parametrize(
    ("part", "name"),
    [
        ({"seeds": 2}, "small@seeds=2"),
        ({"seeds": 2, "epochs": 1, "losses": ["hot,kd"]}, "small@seeds=2,epochs=1,losses=kd+hot"),
        ({"losses": ["dkd"]}, "small@losses=dkd-beta=2.0-~0cf8"),  # a hash, since brackets are not for folders
        ({"trained": True}, "small@trained"),
        ({"seeds": 5, "epochs": 2}, "small"),  # which is all of it
        ({"losses": ["kd", "hot", "dkd", "cross_entropy"]}, "small"),
    ],
)
def test_a_part_has_a_name_of_its_own(part: dict[str, Any], name: str) -> None:
    found = restrict(SUITE, **part)
    assert found.name == name
    assert (found == SUITE) == (name == "small")
    assert Suite.model_validate(found.model_dump(mode="json")) == found  # as it is stored


def test_a_part_says_that_it_is_one() -> None:
    suite = small_suite(description="The digits")
    assert restrict(suite, seeds=1).description == "A part of 'small' (seeds=1). The digits"


def test_the_name_of_a_part_fits_a_folder() -> None:
    losses = [{"use": "kd", "name": f"a loss of the number {number}"} for number in range(40)]
    found = restrict(small_suite(losses=losses), losses=[f"a loss of the number {number}" for number in range(39)])
    assert len(found.name) == len("small@") + 80 + len("~0123")
    other = restrict(small_suite(losses=losses), losses=[f"a loss of the number {number}" for number in range(38)])
    assert found.name != other.name


def test_more_seeds_than_the_suite_has_are_refused() -> None:
    with pytest.raises(UserError) as caught:
        restrict(SUITE, seeds=9)
    assert str(caught.value) == (
        "error: --seeds 9: suite 'small' has 5 seeds\n  help: allowed: 1 to 5; for more write seeds = 9 in the suite"
    )


def test_a_part_without_a_rival_of_the_student_alone_confirms_nothing() -> None:
    suite = small_suite(confirm_seeds=[7, 8], losses=["cross_entropy", "kd", "logit_mse"])
    assert restrict(suite, losses=["kd"]).confirm_seeds == ()
    assert restrict(suite, losses=["cross_entropy"]).confirm_seeds == ()
    assert restrict(suite, losses=["cross_entropy,kd"]).confirm_seeds == (7, 8)


def test_all_that_is_not_there_is_told_at_once() -> None:
    with pytest.raises(UserError) as caught:
        restrict(SUITE, pairs=["resnet56:resnet21,vgg"], losses=["kdd", "hott", " , "])
    pair, first, second = map(str, caught.value.problems)
    assert "--pairs: suite 'small' has no 'resnet56:resnet21'" in pair
    assert "did you mean 'resnet56:resnet20'? allowed: cnn(width=8, depth=3) -> mlp(hidden=8-4), resnet56" in pair
    assert "--losses: suite 'small' has no 'kdd'\n  help: did you mean 'kd'?" in first
    assert "did you mean 'hot'?" in second
    with pytest.raises(
        UserError, match=r"--losses names nothing\n  help: allowed: cross_entropy, dkd\(beta=2.0\), hot"
    ):
        restrict(SUITE, losses=[","])


def test_fewer_seeds_need_no_more_teachers() -> None:
    small = restrict(SUITE, seeds=2)
    assert (small.seeds, small.teacher_seeds) == ((0, 1), 2)


def test_fewer_epochs_than_the_schedule_was_made_for() -> None:
    step = {"use": "step", "milestones": [150, 180, 210]}
    suite = small_suite(train={"epochs": 240, "schedule": step, "warmup_epochs": 5.0}, teacher_train={"epochs": 100})
    short = restrict(suite, epochs=2)
    assert short.teacher_train is not None
    assert (short.train.epochs, short.teacher_train.epochs) == (2, 2)
    # The rate is that of the suite's first epochs: still warming up, and no step is reached.
    assert [learning_rate_factor(short.train, epoch) for epoch in (0.0, 1.0, 2.0)] == [0.0, 0.2, 0.4]
    steady = short.train.model_copy(update={"warmup_epochs": 0.0})
    assert [learning_rate_factor(steady, epoch) for epoch in (0.0, 1.0, 2.0)] == [1.0, 1.0, 1.0]
    # What a restricted suite is stored as can be read again.
    assert Suite.model_validate(short.model_dump(mode="json")) == short


@pytest.mark.parametrize("verb", ["plan", "run"])
def test_a_name_that_is_not_there_stops_the_command(verb: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "kdbench", verb, "quickstart", "--pairs", "cnn:mlp", "--losses", "kd,fitnes"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "--pairs: suite 'quickstart' has no 'cnn:mlp'" in done.stderr
    assert "--losses: suite 'quickstart' has no 'fitnes'" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_plan_has_only_what_is_chosen(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "kdbench", "plan", "quickstart", "--seeds", "1"]
    command += ["--pairs", "cnn(width=16):cnn(width=4)", "--losses", "fitnet,kd"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600, check=True)
    rows = [line.split()[3:5] for line in done.stdout.splitlines() if line.startswith("  ")]
    assert rows == [["teacher", "cnn(width=16)"], ["kd", "cnn(width=4)"], ["fitnet(weight=10.0)", "cnn(width=4)"]]


def test_ways_of_teaching_go_by_name_or_by_use() -> None:
    ways = ["single", {"use": "ensemble", "count": 2}, {"use": "ensemble", "count": 3, "name": "three"}]
    suite = small_suite(teaching=ways)

    def chosen(*typed: str) -> list[str]:
        return [way.label for way in restrict(suite, teaching=typed).teaching]

    assert chosen("three,single") == ["single", "three"]
    assert chosen("ensemble") == ["ensemble(count=2)", "three"]
    with pytest.raises(UserError, match="--teaching: suite 'small' has no 'generations'"):
        chosen("generations")
