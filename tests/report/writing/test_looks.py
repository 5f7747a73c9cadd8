"""Which losses are in colour."""

from kdbench.analyze import summarize
from kdbench.report.writing.looks import in_front, looks
from tests.records import Shape, make_results

FEW = ("cross_entropy", "kd", *(f"loss_{i}" for i in range(7)))
MANY = (*FEW, "loss_7")


def rising(pair: int, row: str, seed: int) -> float:
    """The later a loss is listed, the better it is; kd is the worst."""
    return 0.8 + 0.01 * MANY.index(row) if row in MANY else 0.95


def test_up_to_eight_losses_are_all_in_colour() -> None:
    summary = summarize(make_results(Shape(seeds=2, losses=FEW, accuracy=rising)))
    (pair,) = summary.pairs
    assert in_front(summary, pair) == set(FEW)
    assert not any(look.quiet for look in looks(summary, pair).values())


def test_of_more_the_best_five_plain_distillation_and_the_student_alone_are_in_colour() -> None:
    summary = summarize(make_results(Shape(seeds=2, losses=MANY, accuracy=rising)))
    (pair,) = summary.pairs
    front = {"cross_entropy", "kd", *(f"loss_{i}" for i in range(3, 8))}
    assert in_front(summary, pair) == front
    found = looks(summary, pair)
    assert {name for name, look in found.items() if not look.quiet} == front
    # No two of them share a colour, though nine losses share eight.
    assert len({look.color for name, look in found.items() if name in front}) == len(front)
    assert found["loss_1"].series == "loss_1"


def test_what_validation_chooses_is_in_colour_where_others_lead_on_test() -> None:
    best = Shape(
        seeds=5, losses=MANY, accuracy=rising, validation=lambda pair, row, seed: 0.8 + 0.1 * (row == "loss_0")
    )
    summary = summarize(make_results(best))
    (pair,) = summary.pairs
    assert in_front(summary, pair) == {"cross_entropy", "kd", "loss_0", *(f"loss_{i}" for i in range(3, 8))}
