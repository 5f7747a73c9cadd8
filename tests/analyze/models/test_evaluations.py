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
