"""Calibration and agreement of a row by hand."""

import pytest

from kdbench.analyze import summarize
from kdbench.results.predictions import ConfidenceBin
from tests.records import Shape, edited, make_results


def student(summary, loss, pair=0):
    return next(row for row in summary.pairs[pair].students if row.loss == loss)


def test_calibration_and_agreement_by_hand() -> None:
    summary = summarize(make_results(Shape(seeds=2, accuracy=lambda *_: 0.9)))
    kd = student(summary, "kd")
    # The factory tells 95 % confidence of what is right and 60 % of the rest: gaps .05 and .60.
    assert kd.calibration.ece.mean == pytest.approx(0.9 * 0.05 + 0.1 * 0.6)
    assert kd.calibration.nll.mean == pytest.approx(0.3)
    assert kd.calibration.brier.values == pytest.approx([0.9 * 0.005 + 0.1 * 0.6] * 2)
    assert [(b.samples, b.confidence, b.accuracy) for b in kd.calibration.bins] == [
        (2000, pytest.approx(0.6), 0.0), (18000, pytest.approx(0.95), 1.0),
    ]  # fmt: skip
    assert kd.agreement.top1.values == pytest.approx([0.95, 0.95])
    assert kd.agreement.kl.values == pytest.approx([0.1, 0.1])
    assert student(summary, "cross_entropy").agreement is None
    assert summary.pairs[0].teacher.agreement is None


def test_bins_of_other_widths_are_not_mixed() -> None:
    results = make_results(Shape(seeds=2))
    key = next(e.key for e in results.run.entries if (e.role, e.loss, e.seed) == ("student", "kd", 1))
    one = (ConfidenceBin(count=10_000, confidence=9000.0, correct=9000),)
    test = results.trials[key].test.model_copy(update={"confidence": one})
    changed = edited(results, evaluations=lambda r: r.model_copy(update={"predictions": test}) if r.trial == key else r)
    assert student(summarize(changed), "kd").calibration.bins == ()
