"""Lines with bands by the value of something."""

from kdbench.report.writing.lines import ALONE, Line, interval_of, look_of, plot_lines
from kdbench.statistics.intervals import estimate

LOW, HIGH = estimate([0.70, 0.72]), estimate([0.90, 0.90])


def test_every_point_tells_its_value_and_its_interval() -> None:
    line = Line("kd", look_of(0), ((1.0, HIGH), (0.1, LOW)))
    image = plot_lines("share", "by share", [line, Line("alone", ALONE, ((0.1, LOW),))], "share")
    assert image
    # Student's t with one degree of freedom: 71 +- 12.706 * .0141 / sqrt(2) = 71 +- 12.71 points
    assert "<title>kd, 0.1: 71.00 % (58.29 to 83.71)</title>" in image.inline
    assert "<title>alone, 0.1: 71.00 %" in image.inline
    assert "share" in image.inline


def test_numbers_rise_from_left_to_right_and_words_stay_in_order() -> None:
    numbers = plot_lines("n", "", [Line("kd", look_of(0), ((1.0, HIGH), (0.1, LOW)))], "share")
    words = plot_lines("w", "", [Line("kd", look_of(0), (("part", LOW), ("all", HIGH)))], "teacher")
    assert numbers
    assert words
    assert numbers.file.index(">0.1<") < numbers.file.index(">1.0<")
    assert words.file.index("part") < words.file.index("all")


def test_a_single_value_is_not_drawn() -> None:
    assert plot_lines("one", "", [Line("kd", look_of(0), ((0.1, LOW),))], "share") is None


def test_values_that_are_too_close_have_one_label() -> None:
    line = Line("one", look_of(0), tuple((value, HIGH) for value in (10, 100, 101, 200)))
    image = plot_lines("close", "close", [line], "value")
    assert image is not None
    assert [f">{value}<" in image.file for value in (10, 100, 101, 200)] == [True, True, False, True]


def test_bands_end_where_accuracies_end() -> None:
    # Student's t with one degree of freedom: 95 +- 12.706 * .0424 / sqrt(2) = 95 +- 38 points
    wide = estimate([0.92, 0.98])
    low, high = interval_of(wide)
    assert round(low) == 57
    assert high == 100
    assert interval_of(estimate([0.92])) == []
