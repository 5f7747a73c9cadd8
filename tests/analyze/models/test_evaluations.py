"""Figures by trial and name, gathered over the seeds of a row."""

from kdbench.analyze import summarize
from kdbench.analyze.models.evaluations import by_seed, compared, lacking
from tests.records import Shape, make_results


def test_seeds_without_a_figure_are_left_out_and_counted() -> None:
    row = summarize(make_results(Shape(seeds=3))).students[1]
    first, second, _ = (seed.key for seed in row.seeds)
    found = {(first, "a"): 1.0, (second, "a"): 2.0, ("another trial", "a"): 3.0, (first, "b"): 4.0}
    assert by_seed(row, found, "a") == {0: 1.0, 1: 2.0}
    assert by_seed(row, found, "c") == {}
    assert by_seed(None, found, "a") == {}
    assert lacking(row, found, ["a", "b", "c"]) == {"a": 1, "b": 2, "c": 3}


def test_students_are_compared_with_the_one_alone_of_their_pair() -> None:
    pairs = summarize(make_results(Shape(pairs=(("big", "small"), ("wide", "thin"))))).pairs
    found = [(row.model, row.row, rival and rival.model) for row, rival in compared(pairs)]
    assert found == [
        ("big", "cross_entropy", None),
        ("small", "cross_entropy", None),
        ("small", "kd", "small"),
        ("wide", "cross_entropy", None),
        ("thin", "cross_entropy", None),
        ("thin", "kd", "thin"),
    ]


def test_rows_at_other_budgets_are_compared_with_the_one_alone_at_equal_epochs() -> None:
    pairs = summarize(make_results(Shape(alone=(1.0, 2.0)))).pairs
    found = [(row.row, rival and rival.row) for row, rival in compared(pairs) if row.role == "student"]
    assert found == [("cross_entropy", None), ("cross_entropy, 2 x epochs", None), ("kd", "cross_entropy")]


def test_collapsed_seeds_have_no_figure_and_lack_none() -> None:
    accuracy = lambda pair, loss, seed: 0.1 if (loss, seed) == ("kd", 1) else 0.9  # noqa: E731
    row = summarize(make_results(Shape(seeds=3, accuracy=accuracy))).students[1]
    found = {(seed.key, "a"): float(seed.seed) for seed in row.seeds}
    assert by_seed(row, found, "a") == {0: 0.0, 2: 2.0}
    assert lacking(row, found, ["a"]) == {}
