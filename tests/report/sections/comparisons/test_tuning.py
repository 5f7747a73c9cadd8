"""The section on tuning."""

from dataclasses import replace

from kdbench.analyze import summarize
from kdbench.report.sections.comparisons.tuning import tuning_section
from kdbench.results import Outcome
from tests.analyze.comparisons.test_tuning import SHAPE
from tests.records import make_results
from tests.report.sections.shown import cells, words


def test_both_forms_side_by_side() -> None:
    section = tuning_section(summarize(make_results(SHAPE)))
    row = cells(section, "tuning", "kd")
    assert (row["As published % of test"].text, row["Tuned % of test"].text) == ("87.20 %", "87.70 %")
    assert (row["Its gain points"].text, row["Its gain, tuned points"].text) == ("+2.00", "−0.50")
    assert row["Tuning gained points"].text == "+0.50"
    assert row["On validation points"].text == "+3.00"
    assert row["Rank as published, tuned"].text == "1 → 3"
    # Trained alone, a row of seeds 0 to 4 takes 5 x 2.02 s.
    assert (row["Cost of tuning training"].text, row["Cost of tuning training"].sub) == ("36.0 s", "3.56×")
    assert (row["Tries settings"].text, row["Tries settings"].sub) == ("3", "1 seed")
    assert cells(section, "chosen", "kd")["Chosen settings"].text == "temperature = 2.0"


def test_the_introduction_says_how_it_was_searched_and_how_the_order_changed() -> None:
    text = tuning_section(summarize(make_results(SHAPE))).intro
    assert "3 tries of 2 epochs at 1 seed" in text
    assert "'kd' is first as published, and 'dist' tuned; Kendall's τ between the two orders is −0.333." in text


def test_settings_that_failed_are_told() -> None:
    failed = {("big -> small", "kd, try 2", 1000): Outcome(status="failed", reason="NaN")}
    shown, none = (tuning_section(summarize(make_results(replace(SHAPE, outcomes=each)))) for each in (failed, {}))
    assert "1 setting failed" in words(shown)
    assert "failed" not in words(none)


def test_without_tuning_there_is_no_section() -> None:
    assert tuning_section(summarize(make_results(replace(SHAPE, tries=0)))).filled is None


def test_the_plot_has_both_forms_of_every_row() -> None:
    (image,) = tuning_section(summarize(make_results(SHAPE))).images
    assert "kd, as published: 87.20 %" in image.inline
    assert "kd, tuned: 87.70 %" in image.inline
