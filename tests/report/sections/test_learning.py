"""The section on learning curves: laws, areas and times to the teacher's accuracy."""

import math
import re

from kdbench.analyze import summarize
from kdbench.report.sections.learning import learning_section
from tests.records import Shape, edited, make_results
from tests.report.sections.shown import cells


def steady(pair, loss, seed):
    """Seeds differ by a tenth of a point, gains by seed by two hundredths."""
    level = {"teacher": 0.95, "cross_entropy": 0.90, "kd": 0.93}[loss]
    return level + 0.001 * (seed % 4) + (0.0002 * seed if loss == "kd" else 0.0)


def test_learning_tells_laws_areas_and_times() -> None:
    section = learning_section(summarize(make_results(Shape(seeds=5, epochs=12, accuracy=steady))))
    row = cells(section, "curves", ": kd")
    assert row["Curve slope points/epoch"].sub.startswith("b ")
    assert row["Area %"].sort < row["Area, log %"].sort
    reach = cells(section, "reach", ": kd")
    assert reach["50 % of the teacher's, epochs"].text.startswith("1")
    assert reach["99 % of the teacher's, epochs"].text == "not reached"
    assert reach["99 % of the teacher's, epochs"].sub == "0 of 5 seeds"
    assert "5 neither" in cells(section, "samples", "kd")["To 99 % ratio of samples"].sub


def test_accuracy_is_tabulated_after_1_10_50_and_100_epochs() -> None:
    def rising(record):
        curve = (p.model_copy(update={"validation_top1": p.epoch / 100}) for p in record.curve)
        return record.model_copy(update={"curve": tuple(curve)})

    section = learning_section(summarize(edited(make_results(Shape(epochs=60)), trials=rising)))
    row = cells(section, "epochs", ": kd")
    assert [cell.text for cell in list(row.values())[1:]] == ["1.00 %", "10.00 %", "50.00 %"]
    short = learning_section(summarize(make_results(Shape(epochs=9))))
    assert not next(table for table in short.tables if table.name == "epochs").rows


def test_a_teacher_that_was_trained_for_longer_ends_as_an_arrow() -> None:
    results = make_results(Shape(seeds=2, epochs=10))
    keys = {entry.key for entry in results.run.entries if entry.role == "student"}

    def shorter(record):
        return (
            record.model_copy(update={"curve": record.curve[:6], "selected_epoch": 5}) if record.key in keys else record
        )

    (long,), (short,) = (
        learning_section(summarize(each)).images for each in (results, edited(results, trials=shorter))
    )
    ends = [re.search(r'<use x="([\d.]+)"[^>]*><title>teacher: ', image.inline)[1] for image in (long, short)]
    assert ends[0] == ends[1] == "392"  # the right edge, at epoch 10 and 5
    assert [f">{epoch}<" in short.inline for epoch in (5, 6)] == [True, False]


def test_laws_are_told_where_there_are_two_dozen_evaluations() -> None:
    def rising(record):
        heights = (0.9 - 0.8 * math.exp(-0.1 * point.epoch) for point in record.curve)
        curve = (p.model_copy(update={"validation_top1": y}) for p, y in zip(record.curve, heights, strict=True))
        return record.model_copy(update={"curve": tuple(curve)})

    section = learning_section(summarize(edited(make_results(Shape(epochs=30)), trials=rising)))
    law = cells(section, "laws", ": kd")
    assert law["Law accuracy by epoch x"].text == "exponential"
    assert law["Counted as evaluations"].text == "24"
    assert notes(section) == ("A law is named for 3 of 3 mean curves.",)


def test_why_there_is_no_law_is_one_line_for_all_rows() -> None:
    section = learning_section(summarize(make_results(Shape())))
    assert notes(section) == (
        "A law is named for none of 3 mean curves: none for 3 with under 24 evaluations of a trained model.",
    )
    assert not any(table.rows for table in section.tables if table.name == "laws")


def notes(section):
    return section.tables[0].notes
