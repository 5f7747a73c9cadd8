"""The section on stability across seeds."""

from kdbench.analyze import summarize
from kdbench.report.sections.stability import stability_section
from tests.records import Shape, make_results
from tests.report.sections.shown import cells, words


def steady(pair, loss, seed):
    """Seeds differ by a tenth of a point, gains by seed by two hundredths."""
    level = {"teacher": 0.95, "cross_entropy": 0.90, "kd": 0.93}[loss]
    return level + 0.001 * (seed % 4) + (0.0002 * seed if loss == "kd" else 0.0)


def test_stability_counts_collapsed_seeds_and_tells_the_test() -> None:
    accuracy = lambda p, loss, s: 0.1 if (loss, s) == ("kd", 2) else steady(p, loss, s)  # noqa: E731
    section = stability_section(summarize(make_results(Shape(seeds=5, accuracy=accuracy))))
    row = cells(section, "stability", ": kd")
    assert (row["Collapsed seeds"].text, row["Collapsed seeds"].tag) == ("1 of 5", "worse")
    assert row["Worst seed % of test"].text == "10.00 %"
    assert row["SD points"].sub.count(" to ") == 1
    assert "Brown-Forsythe" in words(section)
    assert "assumes independent seeds" in dict(section.terms)["Brown-Forsythe test"]
