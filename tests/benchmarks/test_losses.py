"""The page of the losses: that it is complete, what it says about docstrings and options, and the costs in it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from scipy import stats
from torch import Tensor

from benchmarks.losses.__main__ import measure
from benchmarks.losses.costs import NOT_MEASURED, Cost, Ratio, cost, ratio
from benchmarks.losses.docstrings import SECTIONS, Docstring, allowed, default, linked, parse
from benchmarks.losses.page import overview
from benchmarks.losses.pairs import PAIRS, Stand
from kdbench.spec import REQUIRED, Option, types
from kdbench.zoo.builtin import BUILTIN
from kdbench.zoo.catalog import Catalog
from kdbench.zoo.interface import NotApplicable, Outputs

ROOT = Path(__file__).parents[2]
LOSSES = tuple(BUILTIN["losses"])


@pytest.fixture(scope="module")
def text() -> str:
    return (ROOT / "docs/losses.md").read_text("utf-8")


def section_of(text: str, name: str) -> str:
    return text.partition(f"\n## {name}\n")[2].partition("\n## ")[0]


# The page


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_is_on_the_page(text: str, name: str) -> None:
    section = section_of(text, name)
    assert f"| [`{name}`](#{name}) |" in text
    formula = parse(Catalog().signature("losses", name).doc).sections["Formula"]
    assert formula in " ".join(section.partition("```text\n")[2].partition("\n```")[0].split())
    for option in Catalog().signature("losses", name).options:
        assert f"\n| `{option.name}` | " in section, option.name
    for fact in ("Needs", "Source", "Differs", *(f"Step on {pair.label}" for pair in PAIRS.values())):
        assert re.search(rf"^- \*\*{re.escape(fact)}\*\*: \S", section, re.MULTILINE), fact


@pytest.mark.parametrize("name", LOSSES)
def test_every_docstring_is_whole(name: str) -> None:
    missing = parse(Catalog().signature("losses", name).doc).missing
    assert not missing, f"the docstring of '{name}' lacks {', '.join(missing)}; see kdbench/zoo/losses/kd.py"


def test_what_of_the_teacher() -> None:
    rows = {line.split("`")[1]: line for line in overview({"units": {}}).splitlines() if line.startswith("| [")}
    told = {"kd": "logits", "dist": "logits, among samples", "fitnet": "features", "label_smoothing": "none"}
    told |= dict.fromkeys(("rkd", "pkt", "similarity_preserving"), "features, among samples")
    for name, part in told.items():
        assert f" | {part} | " in rows[name], name
    # 1x1 convolution from 8 x 2 channels to 32 x 2 (16 x 64) and batch norm's scale and shift: 1,024 + 128
    assert " | 1,152 | " in rows["fitnet"]
    assert " | no | " in rows["kd"]


# Docstrings and options

DOC = """One sentence.

A warning, on
two lines.

Formula: a +
    b; c.
Shapes: none.
Source: the score (Brier 1950), and Peng et al. 2019 (arXiv:1904.01802).
Raises: ValueError for a batch of one."""


def test_a_docstring_by_hand() -> None:
    found = parse(DOC)
    assert (found.summary, found.notes) == ("One sentence.", "A warning, on two lines.")
    assert found.sections["Formula"] == "a + b; c."
    assert found.missing == ("Units", "Differs")
    assert found.among_samples
    assert set(found.sections) <= set(SECTIONS)
    assert linked("x (arXiv:1904.01802)") == "x ([arXiv:1904.01802](https://arxiv.org/abs/1904.01802))"


@pytest.mark.parametrize(
    ("source", "paper"),
    [
        ("Peng et al. 2019 (arXiv:1904.01802), section 1", "[Peng et al. 2019](https://arxiv.org/abs/1904.01802)"),
        ("Ba & Caruana 2014", "Ba & Caruana 2014"),
        ("the project's seed document", "-"),
    ],
)
def test_papers(source: str, paper: str) -> None:
    assert Docstring("", "", {"Source": source}).paper == paper


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (types.Positive, "number, above 0"),
        (types.ProperFraction, "number, at least 0 and below 1"),
        (types.Count, "whole number, at least 1"),
        (types.Count | None, "whole number, at least 1, or none"),
        (tuple[types.Positive, ...], "list, each number, above 0"),
        (bool, "true or false"),
        (tuple[types.Network, ...], "list, each a name or a table with `use`"),
    ],
)
def test_types_in_words(kind: object, words: str) -> None:
    assert allowed(Option("x", kind)) == words


def test_defaults_as_a_suite_writes_them() -> None:
    assert [default(Option("x", bool, value)) for value in (True, "a", (1, 2), None, REQUIRED)] == [
        "`true`",
        '`"a"`',
        "`[1, 2]`",
        "none",
        "must be given",
    ]


# Costs


@pytest.mark.parametrize("n", [6, 9, 15, 30])
def test_the_interval_is_that_of_order_statistics(n: int) -> None:
    found = ratio([float(value) for value in range(1, n + 1)])
    assert found.low is not None
    below = int(found.low) - 1  # values under the interval: it misses where at most so many lie under the median
    assert 2 * stats.binom.cdf(below, n, 0.5) <= 0.05 < 2 * stats.binom.cdf(below + 1, n, 0.5)
    assert found.high == n - below


def test_too_few_rounds_have_no_interval() -> None:
    assert ratio([1.0, 2.0, 3.0, 4.0, 5.0]) == Ratio(3.0, None, None)
    assert str(ratio([2.0])) == "2.00"


def test_costs_by_hand() -> None:
    seconds = {"loss": [[0.02, 0.04, 9.0], [0.03]], "cross_entropy": [[0.01], [0.02]], "kd": [[0.04], [0.02]]}
    content = {"units": {"cnn/a": {"seconds": seconds}, "cnn/b": {"not_applicable": "too wide"}}}
    found = cost(content, "cnn", "a")
    assert isinstance(found, Cost)
    assert found.milliseconds == pytest.approx(35.0)  # of 40 and 30
    assert found.over["cross_entropy"].median == pytest.approx(2.75)  # of 4 and 1.5
    assert found.over["kd"].median == pytest.approx(1.25)  # of 1 and 1.5
    assert cost(content, "cnn", "b") == "not applicable: too wide"
    assert cost(content, "cnn", "c") == cost({"units": {}}, "cnn", "a") == NOT_MEASURED


@pytest.fixture
def stand() -> Iterator[Stand]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield Stand(PAIRS["cnn"])
    torch.set_num_threads(before)


def test_a_loss_and_both_references_are_timed(stand: Stand) -> None:
    seconds = measure(stand, "fitnet", rounds=2, steps=2)["seconds"]
    assert set(seconds) == {"loss", "cross_entropy", "kd"}
    assert all(len(steps) == 2 and min(steps) > 0 for rounds in seconds.values() for steps in rounds)
    assert {len(rounds) for rounds in seconds.values()} == {2}


def test_the_reason_of_a_loss_that_cannot_serve(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(student: Outputs, teacher: Outputs, labels: Tensor, **options: float) -> Tensor:
        raise NotApplicable("not for this pair")

    load = stand.catalog.load
    monkeypatch.setattr(stand.catalog, "load", lambda kind, use: refuse if use == "logit_mse" else load(kind, use))
    assert measure(stand, "logit_mse", rounds=1, steps=1) == {"not_applicable": "not for this pair"}
