"""The section on swept ways of teaching."""

from kdbench.analyze import summarize
from kdbench.report.sections.comparisons.ways import ways_section
from kdbench.spec.suite import SweptChoice
from tests.analyze.comparisons.test_ways import under_settings
from tests.records import Shape, make_results


def test_one_option_is_drawn_by_its_values_with_the_student_alone_beside() -> None:
    section = ways_section(summarize(under_settings()))
    (image,) = section.images
    assert image.title == "big -> small: test top-1 under 'half' by share"
    for tip in ("kd, 0.1: 80.10 %", "kd, 1.0: 92.08 %", "cross_entropy, 0.1: 70.08 %"):
        assert f"<title>{tip}" in image.inline
    (table,) = section.tables
    shown = [(row[1].text, row[2].text, row[4].text) for row in table.rows]
    assert shown == [
        ("share = 0.1", "kd", "+10.02"),
        ("share = 1.0", "kd", "+0.96"),  # wobbles of .001 by seed have the means .0008 and .0012
        ("share = 0.1", "cross_entropy", "\N{EM DASH}"),
        ("share = 1.0", "cross_entropy", "\N{EM DASH}"),
    ]


def test_the_gains_of_two_options_are_a_heat_map() -> None:
    results = under_settings()
    ways = [SweptChoice.model_validate(way) for way in results.run.suite["teaching"]]
    for way, teacher in zip(ways, ("all", "part"), strict=True):
        way.settings["teacher"] = teacher
    results.run.suite["teaching"] = [way.model_dump(mode="json") for way in ways]
    (image,) = ways_section(summarize(results)).images
    assert image.title == "big -> small: gain of 'kd' over the student alone under 'half', in points"
    assert '<title>share = 0.1, "all": +10.02' in image.inline
    assert '<title>share = 1.0, "part": +0.96' in image.inline
    assert image.inline.count("\N{EM DASH}") == 2  # the two combinations that were not run


def test_suites_without_a_swept_way_have_no_such_section() -> None:
    assert ways_section(summarize(make_results(Shape()))).filled is None
