"""The section on gains: comparisons in detail."""

from kdbench.analyze import summarize
from kdbench.report.sections.gains import gains_section
from tests.records import Shape, make_results
from tests.report.sections.shown import cells


def steady(pair, loss, seed):
    """Seeds differ by a tenth of a point, gains by seed by two hundredths."""
    level = {"teacher": 0.95, "cross_entropy": 0.90, "kd": 0.93}[loss]
    return level + 0.001 * (seed % 4) + (0.0002 * seed if loss == "kd" else 0.0)


def test_comparison_in_detail_shows_every_figure() -> None:
    summary = summarize(make_results(Shape(seeds=6, accuracy=steady)))
    row, gain = cells(gains_section(summary), "comparisons", "kd"), summary.students[1].gain
    assert row["Gain points, at equal epochs"].text == "+3.05"
    # All six gains are above 0: 2 of 64 patterns of signs are as extreme.
    assert row["Sign flips p"].text == "0.031"
    assert row["t-test p"].text == "< 0.001"
    assert row["Holm p"].text == "< 0.001"
    assert row["Improves probability"].text == "1.00"
    assert row["Effect size SDs"].sort == gain.effect_size
    assert row["Least detectable points"].sort == gain.least_detectable
    assert row["Verdict of the first gain"].text == "▲ better"


def test_confirmations_stand_with_their_seeds_and_budget() -> None:
    levels = {"teacher": 0.95, "kd": 0.93, "cross_entropy, 2 x epochs": 0.91}
    accuracy = lambda pair, row, seed: levels.get(row, 0.90) + 0.0005 * ((3 * seed + len(row)) % 5)  # noqa: E731
    shape = Shape(seeds=5, alone=(1.0, 2.0), confirms="kd", accuracy=accuracy)
    section = gains_section(summarize(make_results(shape)))
    (row,) = next(table for table in section.tables if table.name == "confirmation").rows
    assert [cell.text for cell in row] == [
        "kd",
        "at equal cost of training",
        "+2.00",
        "< 0.001",
        "5, 6, 7, 8, 9",
        "yes",
    ]
    assert row[1].sub == "2 x epochs"
    none = gains_section(summarize(make_results()))
    assert next(table for table in none.tables if table.name == "confirmation").rows == ()


def test_without_seeds_enough_nothing_is_invented() -> None:
    row = cells(gains_section(summarize(make_results(Shape(seeds=1)))), "comparisons", "kd")
    dashes = ("t-test p", "Sign flips p", "Holm p", "Effect size SDs", "Improves probability")
    assert {row[name].text for name in dashes} == {"—"}
    assert row["Verdict of the first gain"].text == "no claim"


def budgets(pair, row, seed):
    """Longer training of the student alone gains 1 point each time its epochs are doubled; kd gains 3, dkd 1.2."""
    level = {
        "teacher": 0.95,
        "kd": 0.93,
        "dkd": 0.912,
        "cross_entropy, 2 x epochs": 0.91,
        "cross_entropy, 4 x epochs": 0.92,
    }
    return level.get(row, 0.90) + 0.0005 * ((3 * seed + len(row)) % 5)


def test_gains_at_equal_cost_stand_first_with_one_word() -> None:
    losses = ("cross_entropy", "kd", "dkd", "nkd")
    section = gains_section(
        summarize(make_results(Shape(seeds=6, losses=losses, alone=(1.0, 2.0, 4.0), accuracy=budgets)))
    )
    heads = [f"{column.head} {column.unit}".strip() for column in section.tables[1].columns]
    assert heads[:5] == [
        "Loss",
        "Gain points, at equal cost of training",
        "Gain points, at equal epochs",
        "Gain points, at equal cost as it was shared here",
        "Verdict of the first gain",
    ]
    assert "at equal cost of training: better: 'kd'; equivalent: 'dkd'; worse: 'nkd'." in section.intro
    assert "Better at equal epochs only: 'dkd'." in section.intro
    assert "A hollow mark is the mean at equal epochs." in section.images[0].help
    dkd = cells(section, "comparisons", "dkd")["Verdict of the first gain"]
    assert (dkd.text, dkd.sub) == ("= equivalent", "better at equal epochs only")


def test_rows_whose_names_are_long_can_be_told_apart_in_the_plot() -> None:
    shape = Shape(seeds=3, losses=("cross_entropy", "teacher_annealing"), teaching=("single", "generations"))
    (image,) = gains_section(summarize(make_results(shape))).images
    assert ">teacher_annealing, generations(count=3)<" in image.inline
