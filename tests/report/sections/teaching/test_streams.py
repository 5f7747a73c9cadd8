"""The section on streams: a table and heat maps for each scenario, and suites without any."""

from kdbench.analyze import summarize
from kdbench.report.sections.teaching.streams import streams_section
from tests.analyze.teaching.test_streams import FORGETS, KEEPS, stream
from tests.records import Shape, make_results


def test_a_table_and_heat_maps_for_each_scenario() -> None:
    shape = Shape(seeds=3, losses=("cross_entropy", "kd", "label_smoothing"))
    summary = summarize(stream(stream(make_results(shape), "label_smoothing", FORGETS), "kd", KEEPS))
    section = streams_section(summary)
    by_class, by_task = section.tables
    assert [row[0].text for row in by_class.rows] == ["cross_entropy", "label_smoothing, stream", "kd, stream"]
    assert [row[0].text for row in by_task.rows] == ["label_smoothing, stream", "kd, stream"]
    forgetting = [column.head for column in by_class.columns].index("Forgetting")
    assert by_class.rows[1][forgetting].text == "+90.00"
    assert by_task.columns[-1].head == "Forward transfer"
    assert len(section.images) == 4
    assert "after second" in section.images[0].inline
    assert "tested on" in section.images[0].inline


def test_suites_without_a_stream_have_no_such_section() -> None:
    assert streams_section(summarize(make_results(Shape(seeds=2)))).filled is None
