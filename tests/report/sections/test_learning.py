"""The section on learning curves: laws, areas and times to the teacher's accuracy."""

from kdbench.analyze import summarize
from kdbench.report.sections.learning import learning_section
from tests.records import Shape, make_results
from tests.report.sections.shown import cells


def steady(pair, loss, seed):
    """Seeds differ by a tenth of a point, gains by seed by two hundredths."""
    level = {"teacher": 0.95, "cross_entropy": 0.90, "kd": 0.93}[loss]
    return level + 0.001 * (seed % 4) + (0.0002 * seed if loss == "kd" else 0.0)


def test_learning_tells_laws_areas_and_times() -> None:
    section = learning_section(summarize(make_results(Shape(seeds=5, epochs=12, accuracy=steady))))
    row = cells(section, "curves", ": kd")
    # The factory's curves are exponentials, without noise.
    assert row["Best law of the mean curve"].text == "exponential"
    assert row["Curve slope points/epoch"].sub.startswith("b ")
    assert row["Area %"].sort < row["Area, log %"].sort
    assert len(cells(section, "laws", ": kd")) == 8
    reach = cells(section, "reach", ": kd")
    assert reach["50 % of the teacher's, epochs"].text.startswith("1")
    assert reach["99 % of the teacher's, epochs"].text == "not reached"
    assert reach["99 % of the teacher's, epochs"].sub == "0 of 5 seeds"
    assert "5 neither" in cells(section, "samples", "kd")["To 99 % ratio of samples"].sub
    short = cells(learning_section(summarize(make_results(Shape()))), "curves", ": kd")
    assert short["Best law of the mean curve"].sub == "too few evaluations"
