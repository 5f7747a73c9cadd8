"""The reference of suite keys: complete, and its examples are accepted."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from kdbench.spec import Suite
from kdbench.spec.reading.reference import SuiteKey, find_keys, suite_keys, suite_schema
from kdbench.spec.resolve import resolve
from kdbench.zoo.catalog import Catalog

KEYS = [key for key in suite_keys() if not key.path.startswith("teacher_train.")]
SUITE = {"name": "x", "data": "digits", "pairs": [{"teacher": "cnn", "student": "cnn"}], "losses": ["cross_entropy"]}
SUITE |= {"variants": ["fp32", "int8_static"]}
# What a key needs beside it, or in the same table.
BESIDE: dict[str, dict[str, Any]] = {
    "train.bank": {"views": "bank"},
    "train.schedule.factor": {"milestones": [3]},
    "pairs.teacher.weights.published": {"pixels": "unit"},
    "pairs.teacher.weights.pixels": {"file": "teacher.safetensors"},
    "pairs.teacher.weights.tune": {"file": "teacher.safetensors"},
    "tuning.lr.range": {"scale": "log"},
    "tuning.lr.scale": {"range": [0.1, 0.2]},
    "gates.metric": {"may_drop": 0.01},
    "gates.may_drop": {"metric": "top1"},
    "gates.condition": {"metric": "top1", "may_drop": 0.02},
    "gates.variant": {"metric": "top1", "may_drop": 0.02},
    "gates.may_rise": {"metric": "latency"},
}
LISTS = ("pairs", "losses", "teaching", "conditions", "metrics", "variants", "gates", "parts", "labelled")
USES = {"losses": "kd", "teaching": "single", "conditions": "flip", "metrics": "macro_f1", "data": "digits"}
USES |= {"teacher": "torchvision:resnet18"}  # which has published weights


def with_example(key: SuiteKey) -> dict[str, Any]:
    """A suite that has the example in its place."""
    *path, name = key.path.split(".")
    suite: dict[str, Any] = dict(SUITE)
    table = suite
    for part in path:
        inner: dict[str, Any] = {"use": USES[part]} if part in USES else {}
        inner |= dict(SUITE["pairs"][0]) if part == "pairs" else {}
        table[part] = [inner] if part in LISTS else inner
        table = inner
    table |= {"use": key.of} if key.of else {}
    table |= BESIDE.get(key.path, {}) | tomllib.loads(f"{name} = {key.example}")
    return suite


@pytest.mark.parametrize("key", KEYS, ids=lambda key: f"{key.path} {key.of or ''}".strip())
def test_a_key_is_explained_and_its_example_is_accepted(
    key: SuiteKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("teacher.safetensors").touch()
    assert key.what.endswith("."), key.what
    assert key.unit or not key.allowed.removeprefix("a list, each ").startswith(("a number", "a whole number"))
    assert resolve(Suite.model_validate(with_example(key)), Catalog())[1] == []


def test_every_key_of_the_schema_is_there() -> None:
    # Counted by hand: 19 of a suite, 4 of its data, 12 of a recipe.
    tables = [key.table for key in KEYS]
    assert (tables.count(""), tables.count("data"), tables.count("train")) == (19, 4, 12)
    assert {key.of for key in KEYS if key.table == "train.optimizer"} == {"sgd", "adamw"}


def test_the_schema_has_no_null_since_toml_has_none() -> None:
    schema = suite_schema()
    assert "null" not in json.dumps(schema)
    train = schema["properties"]["teacher_train"]
    assert train["$ref"] == "#/$defs/TrainSpec"
    assert train["description"] == "The teachers' recipe, where it is another."


def test_a_key_by_hand() -> None:
    (key,) = find_keys("train.select")
    assert (key.allowed, key.unit, key.default, key.example) == ('"last" or "best"', None, '"last"', '"best"')
    (key,) = find_keys("milestones")
    assert (key.path, key.of, key.default, key.unit) == ("train.schedule.milestones", "step", "required", "epochs")
    assert key.allowed == "a list, each a whole number, at least 1"
    (key,) = find_keys("may_drop")
    assert (key.allowed, key.unit, key.default) == ("a number, at least 0.005, below 1", "share", "")
    assert find_keys("nothing") == ()
    assert find_keys("conditions")[0].default.startswith('["gaussian_noise", "gaussian_blur"')
    assert [key.path for key in find_keys("epochs")] == ["tuning.epochs", "train.epochs", "variants.epochs"]
