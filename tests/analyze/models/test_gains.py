"""Gains at equal epochs and at equal cost, by hand."""

from dataclasses import replace

import numpy as np
import pytest

from kdbench.analyze import summarize
from kdbench.analyze.models.gains import alone_at
from tests.records import Shape, make_results

LEVEL = {"cross_entropy": 0.90, "cross_entropy, 2 x epochs": 0.92, "cross_entropy, 4 x epochs": 0.93, "kd": 0.93}
ALONE = (1.0, 2.0, 4.0)


def levels(pair, row, seed):
    return LEVEL.get(row, 0.91) + 0.001 * ((seed + len(row)) % 3)


def rows(**shape):
    found = summarize(make_results(Shape(seeds=5, accuracy=levels, **shape)))
    return {row.row: row for row in found.students}


def test_the_student_alone_between_two_budgets_by_hand() -> None:
    kd, *alone = (rows(alone=ALONE)[name] for name in ("kd", *list(LEVEL)[:3]))
    once, twice, four = alone
    budgets = [(1.0, once), (2.0, twice), (4.0, four)]
    assert alone_at(0.9, budgets).scores == once.scores
    # Halfway between 1 and 2 in the logarithm lies the square root of 2: each sample's score is the mean of both.
    between = alone_at(2**0.5, budgets)
    assert between.reach == 1
    for seed in range(5):
        expected = (once.correct[seed].astype(float) + twice.correct[seed]) / 2
        assert np.allclose(between.scores[seed], expected)
    beyond = alone_at(16.0, budgets)
    assert (beyond.scores, beyond.reach) == (four.scores, 0.25)
    assert kd.gains["epochs"].difference.estimate.mean == pytest.approx(kd.top1.mean - once.top1.mean)


def test_a_loss_is_compared_at_its_own_cost() -> None:
    kd = rows(alone=ALONE)["kd"]
    # Seeds 0 to 4 take 1.12 s alone and 2.02 s with kd: log2 of the ratio is .8508. Uncached, without anything shared:
    # .9010 + .8508 * .02 = .9180, where wobbles of .001 by seed have the mean .001 in all rows.
    share = np.log2(2.02 / 1.12)
    means = {row: np.mean([levels(0, row, seed) for seed in range(5)]) for row in LEVEL}
    rival = (1 - share) * means["cross_entropy"] + share * means["cross_entropy, 2 x epochs"]
    assert kd.headline.equal == "cost"
    assert kd.gain.estimate.mean == pytest.approx(means["kd"] - rival)
    # As it was shared: 980 ms against 960 ms, since both are in one pass and the cache serves kd.
    shared = kd.gains["shared cost"].difference.estimate.mean
    assert rival > means["kd"] - shared > means["cross_entropy"]


def test_a_loss_beyond_the_longest_training_is_compared_with_that() -> None:
    kd = rows(alone=(1.0, 1.5))["kd"]
    assert kd.headline.reach == pytest.approx(1.5 * 1.12 / 2.02)


def test_the_student_alone_at_other_budgets_is_no_member_of_the_family() -> None:
    found = rows(alone=ALONE, losses=("cross_entropy", "kd", "dkd"))
    assert {name for name, row in found.items() if row.alone} == set(LEVEL) - {"kd"}
    assert all(found[name].gains == {} for name in LEVEL if name != "kd")
    # Holm over two rows doubles the smaller p-value.
    least = min(found["kd"], found["dkd"], key=lambda row: row.gain.p_value)
    assert least.holm_p == pytest.approx(2 * least.gain.p_value)


def test_a_row_is_compared_with_the_student_alone_of_its_own_way() -> None:
    results = make_results(Shape(seeds=5, losses=("cross_entropy", "kd", "nkd", "dkd"), accuracy=levels))
    # What was trained as nkd and dkd stands for the student alone and for kd under a way that serves both.
    under = {"nkd": "cross_entropy", "dkd": "kd"}
    entries = tuple(
        entry.model_copy(update={"loss": under[entry.loss], "teaching": "half"}) if entry.loss in under else entry
        for entry in results.run.entries
    )
    summary = summarize(replace(results, run=results.run.model_copy(update={"entries": entries})))
    found = {row.row: row for row in summary.students}
    pair = summary.pairs[0]
    plain, own = found["cross_entropy"], found["cross_entropy, half"]
    assert (pair.alone, plain.gains, own.gains) == (plain, {}, {})
    assert pair.alone_like(found["kd"]) is plain
    assert pair.alone_like(found["kd, half"]) is own
    gain = found["kd, half"].gain
    assert gain is not None
    assert gain.estimate.mean == pytest.approx(found["kd, half"].top1.mean - own.top1.mean)


def test_without_further_budgets_gains_are_at_equal_epochs() -> None:
    kd = rows()["kd"]
    assert (set(kd.gains), kd.headline.equal, kd.better_at_equal_epochs_only) == ({"epochs"}, "epochs", False)


def test_tuned_rows_are_compared_with_the_tuned_student_alone() -> None:
    results = make_results(Shape(seeds=5, losses=("cross_entropy", "kd", "nkd", "dkd"), accuracy=levels))
    # What was trained as nkd and dkd stands for the tuned student alone and for tuned kd.
    tuned = {"nkd": "cross_entropy", "dkd": "kd"}
    entries = tuple(
        entry.model_copy(update={"loss": tuned[entry.loss], "tuned": True, "teaching": ""})
        if entry.loss in tuned
        else entry.model_copy(update={"teaching": ""})
        for entry in results.run.entries
    )
    summary = summarize(replace(results, run=results.run.model_copy(update={"entries": entries})))
    found = {row.row: row for row in summary.students}
    assert set(found) == {"cross_entropy", "kd", "cross_entropy, tuned", "kd, tuned"}
    expected = found["kd, tuned"].top1.mean - found["cross_entropy, tuned"].top1.mean
    assert found["kd, tuned"].gain.estimate.mean == pytest.approx(expected)
    assert found["kd"].gain.estimate.mean == pytest.approx(found["kd"].top1.mean - found["cross_entropy"].top1.mean)
    assert summary.pairs[0].alone is found["cross_entropy"]
    assert summary.pairs[0].alone_like(found["kd, tuned"]) is found["cross_entropy, tuned"]


@pytest.mark.parametrize(
    ("gain", "wobble", "word"),
    [
        (0.02, 0.001, "better"),
        (0.008, 0.003, "above 0"),  # half-width .37 points
        (-0.008, 0.003, "below 0"),
        (0.0, 0.001, "equivalent"),
        (0.008, 0.010, "undecided"),
        (-0.02, 0.001, "worse"),
    ],
)
def test_one_word_for_what_is_shown(gain: float, wobble: float, word: str) -> None:
    accuracy = lambda pair, row, seed: 0.90 + (row == "kd") * (gain + wobble * (seed - 2) / 1.581)  # noqa: E731
    (pair,) = summarize(make_results(Shape(seeds=5, accuracy=accuracy, samples=100_000))).pairs
    (kd,) = [row for row in pair.students if row.row == "kd"]
    assert kd.verdict == word
