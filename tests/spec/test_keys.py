"""Content keys: stable against options that are added later, and those that users' stores hold."""

import json
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import Field

from kdbench import api
from kdbench.spec import Entry, Record, record_content
from kdbench.spec.keys import Neutral, content_key
from kdbench.spec.signature import Option, Signature, fill_options
from tests.small import small_suite, small_trial

GOLDEN = json.loads(Path(__file__).with_name("golden_keys.json").read_text("utf-8"))


class Before(Record):
    lr: float = 0.1


class After(Record):
    """The same with fields that were added later."""

    lr: float = 0.1
    patience: int | None = None
    views: Annotated[tuple[str, ...], Field(strict=False)] = ()
    decay: Neutral[str] = "all"


class Outer(Record):
    inner: Before | After
    many: tuple[Before | After, ...]


def test_fields_that_mean_nothing_is_there_change_no_key() -> None:
    assert record_content(After()) == record_content(Before()) == {"lr": 0.1}
    nested = [record_content(Outer(inner=one, many=(one, one))) for one in (Before(), After())]
    assert content_key(nested[0]) == content_key(nested[1])


@pytest.mark.parametrize(
    "changed", [{"patience": 0}, {"views": ("flip",)}, {"decay": "weights"}, {"lr": 0.2}], ids=lambda c: next(iter(c))
)
def test_any_other_value_is_in_the_key(changed: dict[str, object]) -> None:
    name = next(iter(changed))
    assert name in record_content(After.model_validate(changed))
    assert content_key(record_content(After.model_validate(changed))) != content_key(record_content(After()))


def test_a_default_that_means_something_stays_in_the_key() -> None:
    # Were it left out, changing the default later would give old records another meaning.
    assert record_content(Before()) == {"lr": 0.1}


def signature(*options: Option) -> Signature:
    return Signature("loss", "losses", "here:loss", ("student",), options, "")


def test_options_of_callables_follow_the_same_rule() -> None:
    old = signature(Option("weight", float, 0.9))
    new = signature(
        Option("weight", float, 0.9),
        Option("layer", str | None, None),
        Option("layers", tuple[str, ...], ()),
        Option("floor", Neutral[float], 0.0),
    )
    assert fill_options(new, {}) == fill_options(old, {}) == ({"weight": 0.9}, [])
    assert fill_options(new, {"floor": 0.0, "layer": None}) == fill_options(old, {})
    given = {"layer": "first", "layers": ["a"], "floor": 0.5}
    assert fill_options(new, given) == ({"weight": 0.9, **given}, [])


def _published(entry: Entry) -> bool:
    """Whether it was in suites before there were budgets and tunings."""
    return entry.budget == 1 and entry.role != "try"


def test_keys_are_those_of_records_in_users_stores() -> None:
    """A change of these keys orphans every record there is: raise `RECIPE` only where numbers change.

    To add to the file what is new: run this test, and copy what it found.
    """
    found = {
        name: [entry.key for entry in api.plan(api.load_suite(name)).entries if _published(entry)][::97]
        for name in ("quickstart", "fashion", "losses-fashion", "articles-mnist")
    }
    teaching = [{"use": "ensemble", "count": 2}, {"use": "generations", "count": 2}]
    plan = api.plan(small_suite(seeds=1, losses=["kd"], teaching=teaching))
    found["ways of teaching"] = [entry.key for entry in plan.entries]
    merged = small_trial(start=["a", "b"], merge=[1.0, 3.0], train={"epochs": 0})
    found["a merged trial"] = [merged.key]
    assert found == GOLDEN
