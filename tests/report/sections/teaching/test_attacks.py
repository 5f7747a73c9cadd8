"""The section on attacks: a column for each epsilon, a plot for each attack, and suites without any."""

from kdbench.analyze import summarize
from kdbench.report.sections.conditions import conditions_section
from kdbench.report.sections.teaching.attacks import attacks_section
from tests.records import Shape, make_results

SHAPE = Shape(seeds=3, attacks=(0.05, 0.1))


def test_a_column_for_each_epsilon_and_a_plot_for_each_attack() -> None:
    section = attacks_section(summarize(make_results(SHAPE)))
    table, gains = section.tables
    assert [column.head for column in table.columns] == ["Model and loss", "Attack", "Clean", "0.05", "0.1"]
    assert [[row[0].text, row[1].text] for row in table.rows] == [
        ["big: teacher", "FGSM"],
        ["small: cross_entropy", "FGSM"],
        ["small: kd", "FGSM"],
    ]
    assert [row[0].text for row in gains.rows] == ["small: kd"]
    assert [column.head for column in gains.columns[2:]] == ["0.05", "0.1"]
    assert [image.title for image in section.images] == ["Top-1 of big -> small under FGSM by epsilon"]
    for name in ("teacher", "cross_entropy", "kd"):
        assert f">{name}<" in section.images[0].inline


def test_suites_without_attacks_have_no_such_section() -> None:
    assert attacks_section(summarize(make_results(Shape(conditions=("noise",))))).filled is None


def test_attacks_are_not_among_the_corruptions() -> None:
    assert conditions_section(summarize(make_results(SHAPE))).filled is None
