"""The section on all pairs together."""

from dataclasses import replace

from kdbench.analyze import summarize
from kdbench.report.sections.comparisons.across import across_section
from tests.analyze.comparisons.test_across import SHAPE, TWO
from tests.records import make_results
from tests.report.sections.shown import cells


def test_every_figure_of_a_row() -> None:
    section = across_section(summarize(make_results(SHAPE)))
    row = cells(section, "across", "kd")
    assert row["IQM of gains points"].text == "+3.00"
    assert (row["Win rate of pairs"].text, row["Win rate of pairs"].sub) == ("1 of 2", "1 above 0")
    assert row["Mean rank over pairs"].text == "2.00"
    assert row["IQM of retention %"].text == "93.75 %"
    assert row["Optimality gap points of retention"].text == "6.25"
    assert (row["Pairs"].text, row["Runs seeds of all pairs"].text) == ("2", "10")
    alone = cells(section, "across", "cross_entropy")
    assert (alone["IQM of gains points"].text, alone["Win rate of pairs"].text) == ("—", "—")


def test_the_plot_has_a_line_for_each_row() -> None:
    (image,) = across_section(summarize(make_results(SHAPE))).images
    for name in SHAPE.losses:
        assert f"{name}: interquartile mean" in image.inline
    assert "the 8 rows" not in image.title


def test_of_many_rows_the_best_are_drawn() -> None:
    losses = ("cross_entropy", "kd", "dist", *(f"loss{number}" for number in range(9)))
    (image,) = across_section(summarize(make_results(replace(SHAPE, losses=losses)))).images
    assert image.title.endswith("the 8 rows with the highest")
    assert image.inline.count("interquartile mean") == 8


def test_one_pair_has_no_section() -> None:
    assert across_section(summarize(make_results(replace(SHAPE, pairs=TWO[:1])))).filled is None
