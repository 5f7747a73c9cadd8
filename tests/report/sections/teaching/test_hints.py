"""The section on hints."""

from kdbench.analyze import summarize
from kdbench.report.sections.teaching.hints import hints_section
from kdbench.report.writing import formats as f
from tests.analyze.teaching.test_hints import HINTS, hinted
from tests.records import Shape, make_results


def test_gains_are_a_heat_map_by_layer_and_transform() -> None:
    summary = hinted(*HINTS)
    section = hints_section(summary)
    (image,) = section.images
    gains = {row.loss: f.points(row.gain.estimate.mean) for row in summary.students if row.gain}
    for place, loss in (("first, projected", "nkd"), ("last, raw", "dkd"), ("last, attention transfer", "dist")):
        assert f"<title>{place}: {gains[loss]}</title>" in image.inline
    (table,) = section.tables
    assert [cell.text for cell in table.rows[0]][:2] == ["first", "projected"]
    assert table.rows[0][3].text == gains["nkd"]
    assert len(table.rows) == 4


def test_other_suites_have_no_such_section() -> None:
    assert hints_section(summarize(make_results(Shape()))).filled is None
