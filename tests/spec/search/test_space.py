"""The settings that a tuning tries."""

import math
from collections.abc import Mapping
from typing import Any

import pytest

from kdbench.spec.comparison import Span
from kdbench.spec.search.space import Dimension, ask_optuna, quasi_random, search_space
from kdbench.spec.signature import Option, Signature
from kdbench.spec.types import Count, NonNegative, Smoothing, Temperature, Weight
from kdbench.zoo.catalog import Catalog

DECLARED = (
    Option("temperature", Temperature, 4.0),
    Option("weight", Weight, 0.5),
    Option("smoothing", Smoothing, 0.1),
    Option("ce_weight", NonNegative, 1.0),
    Option("negatives", Count, 8),
)
LOSS = Signature("loss", "losses", "here:loss", ("student",), DECLARED, "")
OPTIONS: dict[str, Any] = {option.name: option.default for option in DECLARED}


def test_ranges_are_those_of_the_signature_around_what_the_loss_has() -> None:
    space = search_space(LOSS, OPTIONS | {"weight": 2.0}, lr=0.05)
    assert [each.name for each in space] == ["lr", "temperature", "weight", "smoothing"]
    expected = [(0.005, 0.5), (1.0, 16.0), (0.2, 20.0), (0.02, 0.4)]
    assert [(each.low, each.high) for each in space] == [pytest.approx(pair) for pair in expected]
    assert {each.scale for each in space} == {"log"}


def test_the_suite_may_say_where_to_look_for_the_learning_rate() -> None:
    first = search_space(LOSS, OPTIONS, lr=0.05, span=Span(range=(0.001, 0.1), scale="linear"))[0]
    assert first == Dimension("lr", 0.001, 0.1, "linear")


def test_nothing_lies_around_a_weight_of_zero() -> None:
    assert "weight" not in {each.name for each in search_space(LOSS, OPTIONS | {"weight": 0.0}, lr=0.05)}


def test_every_try_lies_within_the_ranges_and_the_first_is_as_published() -> None:
    space = search_space(LOSS, OPTIONS, lr=0.05)
    first, *others = quasi_random(space, 40)
    assert first == {}
    assert len({str(each) for each in others}) == 39
    for each in space:
        values = [float(str(settings[each.name])) for settings in others]
        assert each.low * 0.995 <= min(values)
        assert max(values) <= each.high * 1.005
        middle = math.sqrt(each.low * each.high)
        assert 0.4 < sum(value > middle for value in values) / len(values) < 0.6  # evenly on the logarithmic scale


def test_all_losses_try_the_same_learning_rates_and_none_twice() -> None:
    """Otherwise the student alone, which has no options, might be tried at worse learning rates than its rivals."""
    short = quasi_random(search_space(LOSS, {}, lr=0.05)[:1], 12)
    long = quasi_random(search_space(LOSS, OPTIONS, lr=0.05), 12)
    assert [each.get("lr") for each in short] == [each.get("lr") for each in long]
    assert len({each.get("lr", 0.05) for each in short}) == 12


def test_optuna_answers_the_same_question_alike_and_learns_from_what_it_is_told() -> None:
    pytest.importorskip("optuna")
    space = (Dimension("lr", 0.001, 1.0, "log"),)
    told: list[tuple[Mapping[str, Any], float | None]] = []
    for _ in range(25):
        asked = ask_optuna(space, told)
        assert ask_optuna(space, told) == asked
        told.append((asked, -_distance(asked)))
    assert told[0][0] == {}
    assert sum(_distance(asked) for asked, _ in told[-8:]) / 8 < 1.0  # of uniform tries it would be 1.9


def _distance(settings: Mapping[str, Any]) -> float:
    return abs(math.log(settings.get("lr", 0.5) / 0.01))


def test_a_try_that_failed_is_no_reason_to_stop() -> None:
    pytest.importorskip("optuna")
    space = (Dimension("lr", 0.001, 1.0, "log"),)
    assert 0.001 <= float(str(ask_optuna(space, [({}, 0.5), ({"lr": 0.5}, None)])["lr"])) <= 1.0


def test_every_loss_with_a_teacher_has_something_to_tune() -> None:
    catalog = Catalog()
    for name in catalog.names("losses"):
        signature = catalog.signature("losses", name)
        options = {option.name: option.default for option in signature.options}
        assert (len(search_space(signature, options, 0.05)) > 1) == (name != "cross_entropy"), name
