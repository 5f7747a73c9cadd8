"""Whether distillation helps, and which losses cannot be told apart from the best."""

import pytest

from kdbench.analyze import summarize
from kdbench.analyze.decisions.groups import as_good, as_good_sentence, group_sentences, tied
from tests.records import Shape, make_results

WOBBLE = (0.0, 0.0011, -0.0008, 0.0005, -0.0004)


def pairs_of(seeds=5, pairs=(("big", "small"),), wobble=1.0, **levels):
    def accuracy(pair, row, seed):
        return levels.get(row, 0.95) + wobble * WOBBLE[(seed + len(row)) % 5]

    return summarize(make_results(Shape(seeds=seeds, pairs=pairs, losses=tuple(levels), accuracy=accuracy))).pairs


def test_losses_that_cannot_be_told_from_the_best_are_tied():
    (pair,) = pairs_of(cross_entropy=0.90, kd=0.93, dkd=0.9301, fitnet=0.92)
    assert [row.row for row in tied(pair)] == ["dkd", "kd"]
    assert group_sentences([pair]) == (
        "Distillation helps (+3.01 points at equal epochs); dkd and kd are tied with each other.",
    )


def test_what_else_is_as_good_is_told_of_all_rows():
    (pair,) = pairs_of(cross_entropy=0.90, kd=0.93, dkd=0.9301, fitnet=0.92)
    shipped = next(row for row in pair.students if row.row == "dkd")
    assert as_good_sentence(shipped, pair.students) == ("Not shown to be less accurate: small taught by kd.",)
    (pair,) = pairs_of(cross_entropy=0.90, kd=0.93, dkd=0.92)
    shipped = next(row for row in pair.students if row.row == "kd")
    assert as_good_sentence(shipped, pair.students) == (
        "Every other row is shown to be less accurate than small taught by kd.",
    )
    (pair,) = pairs_of(seeds=3, cross_entropy=0.90, kd=0.93)
    assert as_good_sentence(pair.students[-1], pair.students) == ()


def test_what_else_is_as_good_is_the_rows_themselves_and_unknown_with_few_seeds():
    (pair,) = pairs_of(cross_entropy=0.90, kd=0.93, dkd=0.9301, fitnet=0.92)
    assert [row.row for row in as_good(pair.students[2], pair.students)] == ["kd"]
    (pair,) = pairs_of(seeds=3, cross_entropy=0.90, kd=0.93)
    assert as_good(pair.students[-1], pair.students) is None


def test_a_best_loss_has_the_group_for_itself():
    (text,) = group_sentences(pairs_of(cross_entropy=0.90, kd=0.93, dkd=0.92))
    assert text == "Distillation helps (+3.00 points at equal epochs, with kd; all other rows are worse)."


@pytest.mark.parametrize(
    ("kd", "wobble", "verb"), [(0.93, 1, "helps"), (0.90, 1, "is not shown to help"), (0.88, 1, "hurts")]
)
def test_what_distillation_does(kd, wobble, verb):
    (text,) = group_sentences(pairs_of(cross_entropy=0.90, kd=kd, wobble=wobble))
    assert text.startswith(f"Distillation {verb} (")
    assert text.endswith(" points at equal epochs, with kd).")  # there is no other loss


def test_what_distillation_does_at_equal_cost_is_told_beside_equal_epochs():
    level = {"teacher": 0.95, "cross_entropy": 0.90, "cross_entropy, 2 x epochs": 0.94, "kd": 0.92}
    accuracy = lambda pair, row, seed: level[row] + WOBBLE[(seed + len(row)) % 5]  # noqa: E731
    (text,) = group_sentences(summarize(make_results(Shape(seeds=5, alone=(1.0, 2.0), accuracy=accuracy))).pairs)
    # kd costs 1.80 times as much: log2(1.80) = .85 of the way from 90 to 94 %.
    assert text == "Distillation hurts (−1.40 points at equal cost of training, +2.00 at equal epochs, with kd)."


def test_a_loss_without_a_teacher_is_named():
    (text,) = group_sentences(pairs_of(cross_entropy=0.90, label_smoothing=0.93))
    assert text.startswith("label_smoothing helps (+3.00 points")


def test_pairs_are_named_where_there_are_several():
    found = group_sentences(pairs_of(pairs=(("big", "small"), ("wide", "thin")), cross_entropy=0.90, kd=0.93))
    assert [text.partition(": ")[0] for text in found] == ["big -> small", "wide -> thin"]


def test_of_many_the_first_five_are_named():
    names = ("kd", "dkd", "dist", "nkd", "ttm", "wttm")
    (text,) = group_sentences(pairs_of(cross_entropy=0.90, **dict.fromkeys(names, 0.93)))
    assert text.endswith(" and 2 more are tied with each other.")


def test_few_seeds_and_the_student_alone_say_nothing():
    assert group_sentences(pairs_of(seeds=4, cross_entropy=0.90, kd=0.93)) == ()
    assert group_sentences(pairs_of(cross_entropy=0.90)) == ()
