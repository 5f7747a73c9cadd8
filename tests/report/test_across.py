"""The page of several suites together."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kdbench.analyze import Summary, summarize
from kdbench.report.across import render_across
from kdbench.spec import UserError
from tests.records import Shape, make_results

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def steady(pair: int, loss: str, seed: int) -> float:
    """Seeds differ by a tenth of a point; kd gains three points."""
    return {"teacher": 0.95, "cross_entropy": 0.90, "kd": 0.93}[loss] + 0.001 * (seed % 4)


SHAPE = Shape(seeds=5, accuracy=steady)


def named(summary: Summary, name: str, **changes: object) -> Summary:
    return replace(summary, suite=summary.suite.model_copy(update={"name": name, **changes}))


def test_pairs_of_two_suites_are_the_tasks(tmp_path: Path) -> None:
    one = summarize(make_results(SHAPE))
    html, markdown = render_across([named(one, "first"), named(one, "second")], tmp_path)
    assert html.parent == tmp_path / "first+second"
    text = markdown.read_text("utf-8")
    assert text.startswith("Over 2 pairs of 'first', 'second', 'kd' keeps the most: interquartile mean 98.00 %")
    assert "the interquartile mean of its gains over the student alone at equal epochs is +3.00 points" in text
    assert "better in 2 of 2 pairs" in text
    assert (tmp_path / "first+second/across.svg").is_file()
    page = html.read_text("utf-8")
    assert page.count("<table") == 1
    assert "<dt>Interquartile mean</dt>" in page
    assert "<title>first and second: kdbench report</title>" in page


def test_suites_without_a_row_in_common_are_refused(tmp_path: Path) -> None:
    one = summarize(make_results(replace(SHAPE, losses=("cross_entropy",))))
    other = summarize(make_results(replace(SHAPE, losses=("kd",))))
    with pytest.raises(UserError, match="no row is in two pairs of 'first', 'second'"):
        render_across([named(one, "first"), named(other, "second")], tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_page_sorts_and_switches_its_theme_in_a_browser(browser: "Browser", tmp_path: Path) -> None:
    one = summarize(make_results(SHAPE))
    html, _ = render_across([named(one, "first"), named(one, "second")], tmp_path)
    page = browser.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.goto(html.as_uri())
    page.locator("thead button").first.click()
    assert page.locator("thead th").first.get_attribute("aria-sort") == "ascending"
    page.click("#theme")
    assert page.evaluate("document.documentElement.dataset.theme") in ("light", "dark")
    assert errors == []
    page.close()
