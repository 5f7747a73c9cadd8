"""The section on few samples."""

from kdbench.analyze import summarize
from kdbench.report.sections.comparisons.ways import ways_section
from kdbench.report.sections.teaching.scarce import scarce_section
from tests.analyze.teaching.test_scarce import scarce
from tests.records import Shape, make_results


def test_a_loss_and_the_student_alone_are_drawn_by_samples() -> None:
    (image,) = scarce_section(scarce()).images
    assert image.title == "big -> small: test top-1 of 'kd' by labelled training samples"
    for tip in ("kd, 500: 80.00 %", "kd, 2500: 95.00 %", "the student alone, 5000: 90.00 %"):
        assert f"<title>{tip}" in image.inline


def test_the_table_tells_gains_and_how_many_times_fewer_samples_do() -> None:
    (table,) = scarce_section(scarce()).tables
    shown = [(row[0].text, row[1].text, row[3].text, row[5].text) for row in table.rows]
    assert shown[:3] == [
        ("cross_entropy", samples, "\N{EM DASH}", "\N{EM DASH}") for samples in ("500", "2,500", "5,000")
    ]
    assert shown[3:] == [
        ("kd", "500", "+10.00", "2.24\N{MULTIPLICATION SIGN}"),
        ("kd", "2,500", "+5.00", "5 above of 5 seeds"),
    ]


def test_it_is_not_drawn_a_second_time_by_its_settings() -> None:
    assert ways_section(scarce()).filled is None


def test_other_suites_have_no_such_section() -> None:
    assert scarce_section(summarize(make_results(Shape()))).filled is None
