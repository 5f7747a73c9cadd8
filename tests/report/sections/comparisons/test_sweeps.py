"""The section on sweeps."""

from dataclasses import replace

from kdbench.analyze import summarize
from kdbench.report.sections.comparisons.sweeps import in_words, sweeps_section
from tests.analyze.comparisons.test_sweeps import LEVEL, SHAPE
from tests.records import Shape, make_results
from tests.report.sections.shown import cells


def test_the_best_value_and_how_flat_it_is_in_words() -> None:
    (sweep,) = summarize(make_results(SHAPE)).sweeps
    assert in_words(sweep) == (
        "'kd': the best of 4 settings on validation is temperature = 4, with 90.04 %. Within 0.5 points of it: 1 of 3 "
        "others; the worst, temperature = 1, is 5.00 points lower. With 95 % confidence the truly best is one of 2."
    )


def test_flat_sweeps_and_ends_are_called_so() -> None:
    (flat,) = summarize(make_results(replace(SHAPE, temperatures=(2, 4), seeds=1))).sweeps
    assert in_words(flat).endswith(
        "It is flat: all settings come within 0.5 points of the best. It lies at an end of what was tried for "
        "temperature: values beyond may be better."
    )


def test_every_setting_is_a_row() -> None:
    section = sweeps_section(summarize(make_results(SHAPE)))
    (table,) = section.tables
    shown = [(row[1].text, row[1].sub, row[4].text) for row in table.rows]
    assert shown == [
        ("temperature = 8", "", "no"),
        ("temperature = 1", "", "no"),
        ("temperature = 4", "best on validation", "yes"),
        ("temperature = 2", "", "yes"),
    ]
    first = cells(section, "sweeps", "kd")
    assert first["Against the best points"].text == "−2.00"
    assert first["Top-1 % of test"].text == "88.04 %"
    assert first["Gain points"].text == "+8.04"


def test_the_plot_has_validation_and_test_of_every_value() -> None:
    (image,) = sweeps_section(summarize(make_results(SHAPE))).images
    for value in LEVEL:
        assert f"validation, temperature = {value}:" in image.inline
        assert f"test, temperature = {value}:" in image.inline
    assert image.title == "big -> small: top-1 of 'kd' by temperature"


def test_without_a_sweep_there_is_no_section() -> None:
    assert sweeps_section(summarize(make_results(Shape()))).filled is None
