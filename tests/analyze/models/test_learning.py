"""Areas, laws, times and sample efficiency of whole runs, by hand on short curves."""

import math

import pytest

from kdbench.analyze import summarize
from kdbench.results import CurvePoint
from tests.records import Shape, edited, make_results

SAMPLES = 100  # an epoch


def curve(*accuracies):
    return tuple(
        CurvePoint(epoch=i, samples=SAMPLES * i, train_loss=None, validation_loss=1.0, validation_top1=accuracy)
        for i, accuracy in enumerate(accuracies)
    )


# The teacher of all seeds is at 0.8 in the end: shares of 50, 90, 95 and 99 % are 0.4, 0.72, 0.76 and 0.792.
CURVES = {
    "teacher": [curve(0.0, 0.4, 0.6, 0.7, 0.8)] * 2,
    "cross_entropy": [curve(0.0, 0.2, 0.4, 0.6, 0.6), curve(0.0, 0.1, 0.3, 0.5, 0.7)],
    "kd": [curve(0.0, 0.4, 0.6, 0.7, 0.78), curve(0.0, 0.4, 0.5, 0.6, 0.74)],
}


def made(curves=CURVES, epochs=4, **shape):
    results = make_results(Shape(seeds=2, epochs=epochs, **shape))
    entries = {entry.key: entry for entry in results.run.entries}

    def learn(record):
        entry = entries[record.key]
        mine = curves["teacher" if entry.role == "teacher" else entry.loss][entry.seed]
        return record.model_copy(update={"curve": mine, "selected_epoch": mine[-1].epoch})

    return edited(results, trials=learn)


def rows(results):
    return {("teacher" if row.role == "teacher" else row.row): row for row in summarize(results).learning}


def test_areas_by_hand() -> None:
    kd = rows(made())["kd"]
    # Trapezoids of seed 0: (0 + .4) / 2 + (.4 + .6) / 2 + (.6 + .7) / 2 + (.7 + .78) / 2 = 2.09, over 4 epochs.
    assert kd.until == 400
    assert kd.area.values[0] == pytest.approx(2.09 / 4)
    assert kd.area.values[1] == pytest.approx((0.2 + 0.45 + 0.55 + 0.67) / 4)
    assert kd.area_log.values[0] > kd.area.values[0]  # without the untrained point


def test_areas_of_a_pair_end_with_the_shortest_student() -> None:
    curves = {**CURVES, "cross_entropy": [CURVES["cross_entropy"][0][:3], CURVES["cross_entropy"][1]]}
    found = rows(made(curves))
    assert {row.until for row in found.values()} == {200}
    assert found["kd"].area.values[0] == pytest.approx((0.2 + 0.5) / 2)


def test_epochs_to_shares_of_the_teachers_accuracy() -> None:
    found = rows(made())
    kd = {target.share: target for target in found["kd"].targets}
    assert [kd[share].accuracy for share in (0.5, 0.9, 0.95, 0.99)] == pytest.approx([0.4, 0.72, 0.76, 0.792])
    assert (kd[0.5].reach.median, kd[0.5].reach.rate) == (1, 1)
    assert (kd[0.9].reach.median, kd[0.9].reach.rate) == (4, 1)
    assert (kd[0.95].reach.times, kd[0.95].reach.rate) == ((4,), 0.5)
    assert (kd[0.99].reach.median, kd[0.99].reach.reached) == (None, 0)
    assert found["teacher"].targets[-1].reach.median == 4


def test_samples_against_the_student_alone() -> None:
    found = rows(made())
    half = found["kd"].targets[0].efficiency
    # 0.4 is reached alone after 200 and 250 samples (.3 to .5 between 2 and 3 epochs), distilled after 100 each.
    assert half.ratios == pytest.approx((2.0, 2.5))
    assert found["kd"].targets[2].efficiency.only_distilled == 1
    assert [target.efficiency for target in found["cross_entropy"].targets] == [None] * 4
    assert [target.efficiency for target in found["teacher"].targets] == [None] * 4


def test_each_student_seed_is_measured_by_its_own_teacher() -> None:
    curves = {**CURVES, "teacher": [curve(0.0, 0.4, 0.6, 0.7, 0.8), curve(0.0, 0.2, 0.3, 0.35, 0.4)]}
    kd = rows(made(curves, teacher_seeds=2))["kd"]
    assert kd.targets[0].accuracy == pytest.approx((0.4 + 0.2) / 2)
    assert kd.targets[3].reach.reached == 1  # 0.396 by seed 1


def test_laws_are_those_of_the_mean_curve() -> None:
    # Both seeds stray from a straight line by as much to either side: only their mean is one.
    rising = [0.1 + 0.02 * i for i in range(26)]
    up = curve(*(y + 0.02 * (-1) ** i for i, y in enumerate(rising)))
    down = curve(*(y - 0.02 * (-1) ** i for i, y in enumerate(rising)))
    fits = rows(made({**CURVES, "kd": [up, down]}, epochs=25))["kd"].fits
    assert fits.best.name == "linear"
    assert fits.best.parameters == pytest.approx({"m": 0.02, "b": 0.1})


def test_a_curve_that_its_schedule_explains_has_no_law() -> None:
    # The area under a cosine over 30 epochs, and an exponential of it
    spent = [t / 2 + 15 / math.pi * math.sin(math.pi * t / 30) for t in range(31)]
    bent = curve(*(0.9 - 0.8 * math.exp(-0.2 * s) for s in spent))
    fits = rows(made({**CURVES, "kd": [bent, bent]}, epochs=30))["kd"].fits
    assert (fits.best, fits.reason) == (None, "scheduled")


def test_without_a_teacher_or_a_student_alone() -> None:
    (kd,) = summarize(make_results(Shape(losses=("kd",)))).learning[1:]
    assert all(target.efficiency is None for target in kd.targets)
    curves = rows(made())
    assert curves["kd"].fits.reason == "short"
