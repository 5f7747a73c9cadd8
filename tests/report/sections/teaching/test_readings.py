"""The section on what changes within losses: its table, a plot for each figure, and suites without any."""

from kdbench.analyze import summarize
from kdbench.report.sections.teaching.readings import readings_section
from tests.records import Shape, make_results


def told(row: str, seed: int, epoch: int) -> dict[str, float]:
    if epoch == 0 or row in ("teacher", "cross_entropy"):
        return {}
    weight = {"teacher's weight": 1 - epoch / 4} if row == "ctkd" else {}
    return {"temperature": 4 + epoch + 0.5 * seed, **weight}


def test_a_line_for_each_row_and_figure_and_a_plot_for_each_figure() -> None:
    shape = Shape(seeds=3, epochs=4, losses=("cross_entropy", "kd", "ctkd"), readings=told)
    section = readings_section(summarize(make_results(shape)))
    (table,) = section.tables
    assert [[cell.text for cell in row] for row in table.rows] == [
        ["kd", "temperature", "5.50", "8.50", "5.50", "8.50"],
        ["ctkd", "temperature", "5.50", "8.50", "5.50", "8.50"],
        ["ctkd", "teacher's weight", "0.75", "0.00", "0.00", "0.75"],
    ]
    assert table.rows[0][3].sub == "epoch 4"
    assert [image.title for image in section.images] == [
        "Temperature by epoch, big -> small",
        "Teacher's weight by epoch, big -> small",
    ]
    assert "kd: temperature 8.50 in epoch 4, mean of 3 seeds" in section.images[0].inline
    assert ">kd<" not in section.images[1].inline


def test_suites_whose_losses_tell_nothing_have_no_such_section() -> None:
    assert readings_section(summarize(make_results())).filled is None


def test_the_label_of_a_figure_with_a_long_name_has_two_lines() -> None:
    readings = lambda row, seed, epoch: {"spread of the temperature over samples": 1.0} if epoch else {}  # noqa: E731
    shape = Shape(seeds=2, epochs=2, losses=("cross_entropy", "kd"), readings=readings)
    drawn = readings_section(summarize(make_results(shape))).images[0].inline
    assert ">Spread of the<" in drawn
    assert ">temperature over samples<" in drawn
