"""The summary's figures of accuracy over seeds: each field from the function that computes it, on known values."""

from dataclasses import replace

import pytest
from scipy import stats

from kdbench.analyze import summarize
from kdbench.analyze.decisions.recommend import recommend
from kdbench.analyze.models.front import latency_cost
from kdbench.results.predictions import ConfidenceBin
from kdbench.results.timings import Energy
from kdbench.spec import How
from tests.records import Shape, edited, latency_record, make_results

TWO = (("big", "small"), ("wide", "thin"))


def table(pair, loss, seed):
    return {"teacher": 0.95, "cross_entropy": 0.90, "kd": 0.92}[loss] + 0.001 * seed * (1 + (loss == "kd"))


def student(summary, loss, pair=0):
    return next(row for row in summary.pairs[pair].students if row.loss == loss)


def test_stability_knows_chance() -> None:
    accuracy = lambda p, loss, s: 0.1 if (loss, s) == ("kd", 2) else 0.9  # noqa: E731
    summary = summarize(make_results(Shape(accuracy=accuracy)))
    kd = student(summary, "kd").stability
    assert (kd.worst, kd.range, kd.collapsed) == (0.1, pytest.approx(0.8), pytest.approx(1 / 3))
    assert student(summary, "cross_entropy").stability.collapsed == 0


def test_spreads_of_all_losses_are_compared() -> None:
    accuracy = lambda p, loss, s: 0.9 + 0.001 * (7 * s % 5) * (1 if loss == "kd" else 10)  # noqa: E731
    summary = summarize(make_results(Shape(seeds=5, accuracy=accuracy)))
    values = [row.top1.values for row in summary.students]
    oracle = stats.levene(*values, center="median")
    assert summary.pairs[0].spread_test == pytest.approx((oracle.statistic, oracle.pvalue))


def test_retention_and_gap_closed_by_hand() -> None:
    kd, alone = (student(summarize(make_results(Shape(accuracy=table))), loss) for loss in ("kd", "cross_entropy"))
    assert kd.retention == pytest.approx(0.922 / 0.95)
    assert kd.retention_interval.low < kd.retention < kd.retention_interval.high
    # Mean gain 0.021; the teacher of all seeds is at 0.95, the student alone at a mean of 0.901.
    assert kd.gap.value == pytest.approx(0.021 / 0.049)
    assert alone.gap is None


def test_no_gap_is_told_with_its_reason() -> None:
    kd = student(summarize(make_results(Shape(accuracy=lambda p, loss, s: 0.9 + 0.001 * s))), "kd")
    assert kd.gap.value is None
    assert "includes 0" in kd.gap.reason or "worse than the student alone" in kd.gap.reason


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


def test_gains_of_several_pairs_together() -> None:
    def accuracy(pair, loss, seed):
        return 0.9 + (0.01 * (1 + pair) + 0.001 * seed if loss == "kd" else 0.0)

    summary = summarize(make_results(Shape(seeds=4, pairs=TWO, accuracy=accuracy)))
    (pooled,) = summary.pooled
    # Gains in thousandths: 10, 11, 12, 13 and 20, 21, 22, 23; the middle half is 12, 13, 20, 21.
    assert (pooled.row, pooled.estimate.groups, pooled.estimate.values) == ("kd", 2, 8)
    assert pooled.estimate.mean == pytest.approx(0.0165)
    assert summarize(make_results(Shape(seeds=4))).pooled == ()


def test_correct_per_joule_needs_a_counter() -> None:
    shape = Shape(accuracy=lambda *_: 0.9, joules=0.002)
    use = student(summarize(make_results(shape)), "kd").efficiency
    assert use.per_joule == pytest.approx(0.9 / 0.002)
    assert use.per_joule_above_chance == pytest.approx(0.8 / 0.002)
    without = student(summarize(make_results(replace(shape, joules=None))), "kd").efficiency
    assert without.per_joule is None
    assert "no joules: no RAPL counter" in without.missing
    assert "no GPU-seconds: no GPU provider was asked for" in without.missing


def test_correct_per_gpu_second_is_that_of_single_calls_on_the_gpu() -> None:
    results = make_results(Shape(accuracy=lambda *_: 0.9))
    record = results.trials[next(e.key for e in results.run.entries if e.loss == "kd")]
    timing = latency_record(
        architecture=record.model.architecture,
        reference="another",
        how=How(provider="cuda", threads=1, batch=1),
        call_microseconds=(100.0,) * 1000,
        energy=Energy(reason="none"),
    )
    summary = summarize(replace(results, latencies=(*results.latencies, timing)))
    # 10,000 samples a second, of which 9,000 are right and 1,000 would be by chance
    assert student(summary, "kd").efficiency.per_gpu_second == pytest.approx(9000)
    assert student(summary, "kd").efficiency.per_gpu_second_above_chance == pytest.approx(8000)
    refused = summarize(make_results(Shape(not_measured=(("cuda", "no such provider"),))))
    assert "no GPU-seconds: no such provider" in student(refused, "kd").efficiency.missing


def test_latency_of_the_front_is_the_paired_ratio() -> None:
    summary = summarize(make_results(Shape()))
    reference = summary.reference
    teacher, kd = summary.pairs[0].teacher, student(summary, "kd")
    small, big = (latency_cost(reference, row.architecture) for row in (kd, teacher))
    assert (small.value, small.interval) == (kd.p50_microseconds, None)
    ratio = kd.speedup
    assert big.value == pytest.approx(small.value * ratio.estimate)
    assert (big.interval.low, big.interval.high) == pytest.approx((small.value * ratio.low, small.value * ratio.high))


def test_front_and_hypervolume_by_hand() -> None:
    level = {"teacher": 0.95, "cross_entropy": 0.90, "kd": 0.92}
    summary = summarize(make_results(Shape(accuracy=lambda p, loss, s: level[loss])))
    fronts = {front.by: front for front in summary.fronts}
    assert list(fronts) == ["latency", "FLOPs", "parameters", "bytes"]
    for front in fronts.values():
        assert list(front.probability.values()) == [1, 0, 1]  # teacher, alone, kd: no seed differs
    # The teacher has 8 times the parameters: log10(8) decades by .92 and .90, each less chance of .1
    volume = fronts["parameters"].hypervolume["big -> small"]
    assert volume.students == pytest.approx(0.82 * 0.90309, abs=1e-5)
    assert volume.alone == pytest.approx(0.80 * 0.90309, abs=1e-5)
    assert [row.pareto for row in summary.models] == [True, False, True]
    assert "latency" not in {front.by for front in summarize(make_results(Shape(latency=False))).fronts}


def test_noise_does_not_put_a_model_on_the_front_for_sure() -> None:
    accuracy = lambda p, loss, s: 0.9 + 0.01 * ((s + (loss == "kd")) % 5)  # noqa: E731
    shape = Shape(seeds=5, accuracy=lambda p, loss, s: 0.99 if loss == "teacher" else accuracy(p, loss, s))
    first, second = summarize(make_results(shape)).students
    assert first.top1.mean == pytest.approx(second.top1.mean)
    assert 0.3 < first.front < 0.7
    assert first.front + second.front == pytest.approx(1, abs=0.05)


def test_the_recommendation_tells_speed_and_collapsed_seeds() -> None:
    shape = Shape(accuracy=lambda p, loss, s: 0.1 if s == 1 and loss != "teacher" else 0.9, losses=("cross_entropy",))
    found = recommend(summarize(make_results(shape)))
    assert "times its speed, 95 % interval " in found.sentence
    assert any(caveat.startswith("1 of its 3 seeds collapsed") for caveat in found.caveats)
    steady = recommend(summarize(make_results(Shape(losses=("cross_entropy",)))))
    assert not any("collapsed" in caveat for caveat in steady.caveats)
