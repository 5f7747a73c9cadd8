"""The section on severities."""

from kdbench.analyze import summarize
from kdbench.report.sections.teaching.severities import severities_section
from tests.records import Shape, make_results


def test_a_plot_for_each_corruption_and_a_column_for_each_severity() -> None:
    section = severities_section(summarize(make_results(Shape(seeds=3, noises=(0.5, 1.0)))))
    (image,) = section.images
    assert image.title == "big -> small: test top-1 by the sd of gaussian_noise"
    for line in ("teacher, 0.0:", "kd, 1.0:", "cross_entropy, 0.5:"):
        assert f"<title>{line}" in image.inline
    gains, table = section.tables
    assert (gains.caption, table.caption) == (
        "Gain over the student alone by the sd of gaussian_noise",
        "Top-1 by the sd of gaussian_noise",
    )
    assert [column.head for column in table.columns[1:]] == ["Clean", "0.5", "1"]
    assert [row[0].text for row in gains.rows] == ["small: kd"]
    assert all(cell.text != "\N{EM DASH}" for cell in gains.rows[0][1:])


def test_other_suites_have_no_such_section() -> None:
    assert severities_section(summarize(make_results(Shape(conditions=("noise",))))).filled is None
