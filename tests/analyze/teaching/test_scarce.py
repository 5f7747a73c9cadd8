"""Accuracy by samples, and what the student alone needs for the same, by hand."""

import pytest

from kdbench.analyze import Summary, summarize
from kdbench.results import TrialRecord
from tests.analyze.comparisons.test_ways import under_settings
from tests.records import Shape, edited, make_results

# What stands for kd and for the student alone at a tenth and a half of the samples: see `under_settings`.
LEVEL = {"kd": 0.80, "nkd": 0.95, "dkd": 0.70, "dist": 0.90, "cross_entropy": 0.90, "teacher": 0.95}
SHARE = {"half(share=0.1)": 0.1, "half(share=0.5)": 0.5}


def scarce() -> Summary:
    """Of 5,000 training samples a tenth, a half and all."""
    results = under_settings("scarce", (0.1, 0.5), lambda pair, row, seed: LEVEL[row])
    shares = {entry.key: SHARE.get(entry.teaching, 1.0) for entry in results.run.entries}

    def shortened(record: TrialRecord) -> TrialRecord:
        share = shares[record.key]
        curve = [p.model_copy(update={"samples": round(share * p.samples)}) for p in record.curve]
        return record.model_copy(update={"curve": tuple(curve)})

    return summarize(edited(results, trials=shortened))


def test_the_student_alone_comes_first_and_ends_with_all_samples() -> None:
    alone, kd = scarce().scarce
    assert (alone.loss, alone.under, alone.alone) == ("cross_entropy", "", True)
    assert [(point.samples, point.row.teaching) for point in alone.points] == [
        (500, "half(share=0.1)"),
        (2500, "half(share=0.5)"),
        (5000, ""),
    ]
    assert (kd.loss, kd.alone, [point.samples for point in kd.points]) == ("kd", False, [500, 2500])


def test_what_the_student_alone_needs_for_the_same_accuracy_by_hand() -> None:
    _, kd = scarce().scarce
    few, half = (point.saving for point in kd.points)
    # 80 % lies halfway between its 70 % at 500 samples and its 90 % at 2,500: at the root of 500 * 2,500.
    assert few is not None
    assert few.mean == pytest.approx((500 * 2500) ** 0.5 / 500)
    # 95 % is more than it reaches with any of them.
    assert half is not None
    assert (half.above, half.mean) == (5, None)


def test_without_such_a_way_of_teaching_there_are_none() -> None:
    assert summarize(make_results(Shape())).scarce == ()
