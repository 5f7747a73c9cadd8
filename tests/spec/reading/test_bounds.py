"""Suite files that nobody means well with: refused in one message, soon, whatever they hold."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kdbench.spec import UserError, check_suite, load_suite, parse_suite, plan
from kdbench.spec.planning import graph
from kdbench.spec.reading.bounds import LONGEST, MOST_BYTES, MOST_VALUES, out_of_bounds
from kdbench.zoo.catalog import Catalog
from tests.spec.reading.test_suite_file import GOOD, MORE, problems

NINES = "9" * 5000
DEEP = "[" * 5000 + "]" * 5000
CATALOG = Catalog()
HOSTILE = (
    *("0", "-1", "1e400", "nan", "inf", "true", '""', "[]", "{}", "[[[]]]", "1979-05-27", '"\\u0000"', '"../../x"'),
    *("9223372036854775807", "9223372036854775808", "4294967296", "1000000000000000000", NINES, f"0.{NINES}", DEEP),
    *(f'"{"x" * 5000}"', f"[{'1,' * 6000}]", f"{{{'a.' * 100}a = 1}}", '{grid = [1, 2]}', '{range = [1, 1e300]}'),
    *('{range = [0.1, 10.0], scale = "log", points = 1000000000}', '{use = "kd", use = "kd"}', '"kd\\u001b[31m"'),
    *('"os:system"', '"torchvision:resnet18"', '{use = "image_folder", folder = "/proc/self/fd"}', f'"{"y" * 300}"'),
)  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        ("epochs = 3", f"epochs = {NINES}", "a number is too large"),
        ("seeds = 2", f"seeds = {DEEP}", "too deep within each other"),
        ("seeds = 2", f"seeds = {'[' * 30}{']' * 30}", "seeds holds tables or lists that are 16 deep"),
        ("seeds = 2", f"seeds = 2\n{'.'.join('a' * 3000)} = 1", "a holds tables or lists that are 16 deep"),
        ("seeds = 2", f"seeds = [{', '.join(map(str, range(6000)))}]", f"it holds more than {MOST_VALUES} values"),
        ("seeds = 2", f"seeds = [{', '.join(map(str, range(1001)))}]", "allowed: a list of at most 1000"),
        ("seeds = 2", "seeds = [4294967296]", "allowed: at most 4294967295"),
        ("seeds = 2", "seeds = [9223372036854775808]", "seeds[0] is 9223372036854775808"),
        ("epochs = 3", "epochs = 1000000000000000000", "allowed: at most 100000"),
        ("epochs = 3", 'epochs = 3\nviews = "bank"\nbank = 1000000000000', "allowed: at most 100000"),
        ("seeds = 2", "seeds = 2\nbudget = { losses = [1, 1e18] }", "allowed: at most 1000"),
        ("seeds = 2", "seeds = 2\nlatency = { batch_sizes = [1000000000] }", "allowed: at most 65536"),
        ("seeds = 2", f'seeds = 2\ndescription = "{"x" * (LONGEST + 1)}"', "description has more than 4096 characters"),
        ('name = "x"', 'name = "x\\u0000"', "name holds a character of code 0"),
    ],
)
def test_what_is_too_large_is_refused_by_name(before: str, after: str, what: str) -> None:
    [problem] = problems(GOOD.replace(before, after, 1))
    assert what in problem
    assert len(problem) < 1000


def test_of_many_problems_the_first_are_told() -> None:
    found = problems(GOOD + "".join(f"unknown{number} = 1\n" for number in range(2000)))
    assert len(found) == 21
    assert "unknown option 'unknown0'" in found[0]
    assert found[-1] == "error: and 1980 more problems\n  help: mend these first"


def test_the_bounds_are_of_suites_made_in_python_too() -> None:
    def nested(depth: int) -> Any:
        return [nested(depth - 1)] if depth else 1

    with pytest.raises(UserError, match="seeds holds tables or lists that are 16 deep"):
        check_suite({"name": "x", "seeds": nested(20)}, CATALOG)


def test_a_file_that_is_no_suite_is_not_read_to_its_end(tmp_path: Any) -> None:
    (tmp_path / "large.toml").write_bytes(b"#" * (MOST_BYTES + 1))
    with pytest.raises(UserError, match=f"has more than {MOST_BYTES} bytes"):
        load_suite(tmp_path / "large.toml", CATALOG)


def test_a_suite_of_too_many_trials_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph, "MOST_TRIALS", 3)
    with pytest.raises(UserError, match="more than 3 trials"):
        plan(parse_suite(GOOD.replace("seeds = 2", "seeds = 4"), "x.toml", CATALOG), CATALOG)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A good suite of which some values, lines and characters are others."""
    lines = (GOOD + MORE).splitlines()
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(lines) - 1))
        key, sign, value = lines[at].partition(" = ")
        match draw(st.integers(0, 5)):
            case 0 | 1 if sign:
                lines[at] = f"{key} = {draw(st.sampled_from(HOSTILE))}"
            case 2 if sign:
                lines[at] = f"{draw(st.text(max_size=8))} = {value}"
            case 3:
                lines.insert(at, lines[draw(st.integers(0, len(lines) - 1))])
            case 4:
                del lines[at]
            case _:
                cut = draw(st.integers(0, len(lines[at])))
                lines[at] = lines[at][:cut] + draw(st.text(max_size=4)) + lines[at][cut:]
    return "\n".join(lines)


def judge(text: str) -> None:
    """A suite, which can be planned or is refused, or a user's error; anything else is raised."""
    with suppress(UserError):
        plan(parse_suite(text, "x.toml", CATALOG), CATALOG)


@given(mutated())
@settings(max_examples=300, deadline=timedelta(seconds=5))
def test_any_text_is_a_suite_or_refused(text: str) -> None:
    judge(text)


@pytest.mark.slow
@given(mutated())
@settings(max_examples=10_000, deadline=timedelta(seconds=5))
def test_any_of_many_texts_is_a_suite_or_refused(text: str) -> None:
    judge(text)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from([2**64, "x" * 5000]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["name", "data", "seeds", "train", "pairs", "losses", "latency"]), VALUES))
@settings(max_examples=100)
def test_any_content_made_in_python_is_a_suite_or_refused(content: Mapping[str, Any]) -> None:
    with suppress(UserError):
        check_suite(content, CATALOG)
    assert len(out_of_bounds(dict(content))) <= 1
