"""Losses of which some settings have several values."""

from typing import Any

import pytest

from kdbench.spec.search.sweep import expand
from kdbench.spec.suite import LossChoice, SweptChoice
from kdbench.zoo.catalog import Catalog


def rows(**written: object) -> list[LossChoice]:
    found, problems = expand(LossChoice.model_validate({"use": "kd", **written}), "losses", Catalog())
    assert not problems
    return found


def test_a_loss_without_a_sweep_stays_as_it_is() -> None:
    loss = LossChoice.model_validate({"use": "kd", "temperature": 2.0, "lr": 0.1})
    assert expand(loss, "losses", Catalog()) == ([loss], [])


def test_each_value_of_a_grid_is_a_loss_of_its_own() -> None:
    found = rows(weight=0.5, temperature={"grid": [1, 2.5]})
    assert [each.label for each in found] == ["kd(weight=0.5, temperature=1)", "kd(weight=0.5, temperature=2.5)"]
    assert [each.options for each in found] == [{"weight": 0.5, "temperature": 1}, {"weight": 0.5, "temperature": 2.5}]
    assert [each.settings for each in found] == [{"temperature": 1}, {"temperature": 2.5}]
    assert {each.sweep for each in found} == {"kd(weight=0.5)"}


def test_a_range_has_points_at_equal_distances_of_its_scale() -> None:
    log = rows(weight={"range": [0.01, 1.0], "scale": "log", "points": 3})
    assert [each.options["weight"] for each in log] == [0.01, 0.1, 1.0]
    linear = rows(weight={"range": [0, 1], "scale": "linear"})
    assert [each.options["weight"] for each in linear] == [0.0, 0.25, 0.5, 0.75, 1.0]


def test_the_learning_rate_and_the_recipe_are_swept_alike_and_combined() -> None:
    momentum: Any = {"optimizer": {"momentum": {"grid": [0.5, 0.9]}}}
    found = rows(name="hinton", lr={"grid": [0.1, 0.2]}, train=momentum)
    assert [each.settings for each in found] == [
        {"lr": lr, "train.optimizer.momentum": momentum} for lr in (0.1, 0.2) for momentum in (0.5, 0.9)
    ]
    assert found[0].label == "hinton(lr=0.1, train.optimizer.momentum=0.5)"
    assert found[0].lr == 0.1
    assert found[0].train == {"optimizer": {"momentum": 0.5}}


def test_a_way_of_teaching_is_swept_by_its_options() -> None:
    way = SweptChoice.model_validate({"use": "ensemble", "count": {"grid": [2, 3]}, "combine": "logits"})
    found, problems = expand(way, "teaching", Catalog())
    assert not problems
    assert [each.label for each in found] == ["ensemble(combine=logits, count=2)", "ensemble(combine=logits, count=3)"]
    assert [each.settings for each in found] == [{"count": 2}, {"count": 3}]
    assert {each.sweep for each in found} == {"ensemble(combine=logits)"}


def test_what_is_not_swept_stays_in_the_name() -> None:
    found = rows(lr=0.2, train={"batch_size": 32, "optimizer": {"momentum": {"grid": [0.5, 0.9]}}})
    assert {each.sweep for each in found} == {"kd(lr=0.2, train.batch_size=32)"}


def test_what_was_expanded_is_not_expanded_again() -> None:
    found = rows(temperature={"grid": [1, 2]})
    assert [expand(each, "losses", Catalog())[0] for each in found] == [[each] for each in found]


def test_a_range_over_whole_numbers_is_refused_once_whatever_it_is_of() -> None:
    way = SweptChoice.model_validate({"use": "ensemble", "count": {"range": [1, 3], "scale": "linear"}})
    found, ((at, problem),) = expand(way, "teaching", Catalog())
    assert (found, at) == ([], ("count",))
    assert "give { grid = [1, 2, 3] }" in str(problem.help)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ({"temperature": {"grid": [4]}}, "two values or more"),
        ({"temperature": {"grid": [4, 4]}}, "give each once"),
        ({"temperature": {"range": [1, 2]}}, 'add scale = "log"'),
        ({"temperature": {"range": [2, 1], "scale": "linear"}}, "does not rise"),
        ({"temperature": {"range": [0, 1], "scale": "log"}}, "no logarithm at 0"),
        ({"temperature": {"range": [1, 2], "scale": "log", "points": 1}}, "two values or more"),
        ({"temperature": {"range": [1, 2], "scale": "log", "steps": 5}}, "two values or more"),
        ({"temperature": {"grid": list(range(1, 10))}, "weight": {"grid": list(range(8))}}, "fewer keys"),
        ({"use": "simkd", "factor": {"grid": [1, 2]}}, "networks of other costs"),
        (
            {"train": {"batch_size": {"range": [16, 64], "scale": "log", "points": 3}}},
            "its values are whole numbers, and a range has others between: give { grid = [16, 32, 64] }",
        ),
    ],
)
def test_bad_sweeps_are_refused(written: dict[str, object], words: str) -> None:
    found, problems = expand(LossChoice.model_validate({"use": "kd", **written}), "losses", Catalog())
    assert found == []
    ((_, problem),) = problems
    assert words in str(problem.help)
