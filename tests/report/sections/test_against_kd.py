"""The section that sets every loss against plain distillation."""

from pathlib import Path

from kdbench.analyze import summarize
from kdbench.report import render_report
from kdbench.report.sections.against_kd import against_kd_section
from tests.records import Shape, make_results


def accuracy(_: object, loss: str, seed: int) -> float:
    gain = {"dist": 0.02, "cross_entropy": -0.02}.get(loss, 0.0)
    return 0.6 + 0.01 * seed + gain * (1 + 0.1 * (seed % 2))


def test_it_counts_and_lists(tmp_path: Path) -> None:
    summary = summarize(make_results(Shape(losses=("cross_entropy", "kd", "dist"), seeds=5, accuracy=accuracy)))
    section = against_kd_section(summary)
    assert "big -> small: 1 better, 1 worse." in section.intro
    (table,) = section.tables
    assert [(row[0].text, row[5].text) for row in table.rows] == [("dist", "▲ better"), ("cross_entropy", "▼ worse")]
    assert table.rows[0][1].text == "+2.08"  # 2.0 and 2.2 points by turns, three to two
    html, markdown = render_report(summary, tmp_path)
    assert "Against plain distillation" in html.read_text("utf-8")
    assert "| ▲ better<br>" in markdown.read_text("utf-8")


def test_tuned_rows_are_said_to_be_compared_with_it_tuned() -> None:
    found = Shape(losses=("cross_entropy", "kd"), seeds=5, tries=2, accuracy=accuracy)
    assert (
        "'kd' at equal epochs, tuned rows minus it tuned, paired"
        in against_kd_section(summarize(make_results(found))).intro
    )
    plain = Shape(losses=("cross_entropy", "kd"), seeds=5, accuracy=accuracy)
    assert "'kd' at equal epochs, paired" in against_kd_section(summarize(make_results(plain))).intro


def test_no_section_without_it() -> None:
    assert against_kd_section(summarize(make_results(Shape(losses=("cross_entropy", "dist"))))).filled is None
