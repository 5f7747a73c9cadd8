"""Results that somebody else wrote, or that were damaged: they are refused by name, or figures follow from them.

Whatever a record of a store says, there is no other exception, nothing hangs, and no file appears.
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kdbench.analyze import judge, recommend, summarize
from kdbench.results import Store, load_suite_results
from kdbench.results.baselines.files import load_baseline
from kdbench.results.baselines.freezing import freeze
from kdbench.spec import Gate, UserError
from tests.records import Shape, make_results
from tests.stored import store_results

SHAPE = Shape(
    seeds=2, samples=40, epochs=2, calls=20, variants=("fp32", "fp16"), gates=(Gate(metric="top1", may_drop=0.2),)
)
RESULTS = make_results(SHAPE)
NUMBERS = (-1, 0, 1, 7, 0.5, 10**18, 10**400, 1e308, float("nan"), float("inf"))
TEXTS = ("", "x", "../../x", "\x1b]0;a\x07", "a" * 300, "0" * 16, "0" * 64)
HOSTILE = st.sampled_from([None, True, *NUMBERS, *TEXTS, [], {}, [[]], {"a": 1}])


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    freeze(RESULTS, store_results(folder / "results", RESULTS), folder / "baseline")
    return folder


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where the values of a record are, of long lists the first three."""
    inner = value.items() if isinstance(value, dict) else enumerate(value[:3]) if isinstance(value, list) else ()
    for name, each in inner:
        yield (*at, name)
        yield from places(each, (*at, name))


def damage(data: st.DataObject, content: bytes) -> bytes:
    """A record with a value changed, lost or said twice; or with some bytes of it changed."""
    if data.draw(st.integers(0, 9)) == 0:
        start = data.draw(st.integers(0, len(content)))
        return content[:start] + data.draw(st.binary(max_size=4)) + content[start + data.draw(st.integers(0, 400)) :]
    whole = json.loads(content)
    *path, last = data.draw(st.sampled_from(list(places(whole))))
    holder = whole
    for name in path:
        holder = holder[name]
    match data.draw(st.integers(0, 4)):
        case 0:
            del holder[last]
        case 1 if isinstance(holder, list):
            holder.append(holder[last])
        case 2 if type(holder[last]) in (int, float):
            holder[last] *= data.draw(st.sampled_from([2, 0.1, -1, 10]))
        case _:
            holder[last] = data.draw(HOSTILE)
    return json.dumps(whole).encode()


def read_all(root: Path) -> None:
    recommend(summarize(load_suite_results(Store(root / "results"), SHAPE.name)))


def judge_all(root: Path) -> None:
    judge(load_baseline(root / "baseline", SHAPE.name), RESULTS, [])


def check(data: st.DataObject, root: Path, files: list[Path], read: Any) -> None:
    path = data.draw(st.sampled_from(files))
    content, before = path.read_bytes(), sorted(root.parent.rglob("*"))
    path.write_bytes(damage(data, content))
    began = time.process_time()
    try:
        read(root)
    except UserError:
        pass
    finally:
        path.write_bytes(content)
    assert time.process_time() - began < 5
    assert sorted(root.parent.rglob("*")) == before


def examples(number: int) -> Any:
    return settings(max_examples=number, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize("kind", ["trials", "artifacts", "evaluations", "latency", "suites"])
@examples(40)
@given(data=st.data())
def test_a_record_is_refused_or_read(root: Path, kind: str, data: st.DataObject) -> None:
    check(data, root, sorted((root / "results" / kind).rglob("*.json")), read_all)


@examples(100)
@given(data=st.data())
def test_a_baseline_is_refused_or_read(root: Path, data: st.DataObject) -> None:
    check(data, root, [root / "baseline" / "baseline.json"], judge_all)


@pytest.mark.slow
@examples(10_000)
@given(data=st.data())
def test_ten_thousand_records_are_refused_or_read(root: Path, data: st.DataObject) -> None:
    files = [*(root / "results").rglob("*.json"), root / "baseline" / "baseline.json"]
    check(data, root, sorted(files), lambda root: (read_all(root), judge_all(root)))
