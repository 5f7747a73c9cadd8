"""The documents: their generated parts agree with the committed figures, and every part is known."""

from pathlib import Path

import pytest

from benchmarks.engine.page import images
from benchmarks.pages import IMAGES, PAGES, written
from benchmarks.presentation import MARKED, fill, markdown, with_interval
from kdbench.statistics.intervals import estimate

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_current(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    text = Path(f"docs/{name}.md").read_text("utf-8")
    assert text == written(name), f"docs/{name}.md differs from docstrings and figures: run `make docs`"
    assert {found[2] for found in MARKED.finditer(text)} == PAGES[name].tables.keys()


def test_every_image_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    drawn = images(PAGES["performance"].read())
    assert [image.name for image in drawn] == ["performance-sides", "performance-accuracy"]
    for image in drawn:
        assert (IMAGES / f"{image.name}.svg").is_file()
        assert f"images/{image.name}.svg" in Path("docs/performance.md").read_text("utf-8")


def test_generated_parts_stand_between_their_markers() -> None:
    page = "a\n<!-- table: one -->\nold\n<!-- end -->\nb\n<!-- table: two -->\n<!-- end -->\n"
    filled = fill(page, {"one": lambda content: content["text"], "two": lambda _: ""}, {"text": "new"}, "make it")
    assert (
        filled
        == "a\n<!-- table: one -->\nnew\n<!-- end -->\nb\n<!-- table: two -->\nNot measured yet: `make it`.\n<!-- end -->\n"
    )
    with pytest.raises(KeyError, match="one"):
        fill(page, {}, {}, "make it")


def test_columns_of_numbers_are_aligned_to_the_right() -> None:
    rows = [("a", "2", "3 seeds", "≤ 5.0 %"), ("b", "1.5 (1.0 to 2.0)", "5 seeds", "-")]
    assert markdown(("w", "x", "y", "z"), rows).splitlines()[1] == "|---|---:|---|---:|"
    assert markdown(("x", "y"), []) == ""


def test_a_mean_with_its_interval() -> None:
    # Mean 2, SD 1, t of 2 degrees of freedom 4.3027: 2 -+ 4.3027 / sqrt(3)
    assert with_interval(estimate([1.0, 2.0, 3.0]), 100, 1) == "200.0 (-48.4 to 448.4)"
    assert with_interval(estimate([1.0]), 1, 2) == "1.00"
