from dataclasses import replace

import pytest

from kdbench.analyze import summarize
from kdbench.report.trials import curve_points, panels, seeds_table, trial_links
from kdbench.results import CurvePoint
from tests.records import Shape, make_results


def curve(*top1: float) -> tuple[CurvePoint, ...]:
    return tuple(
        CurvePoint(epoch=epoch, samples=100 * epoch, train_loss=None, validation_loss=1.0, validation_top1=each)
        for epoch, each in enumerate(top1)
    )


def test_a_curve_goes_from_corner_to_corner_with_a_dot_at_the_deployed_epoch() -> None:
    # 240 wide, 48 high, downwards: .1 is the lowest, .9 the highest, .5 half-way.
    assert curve_points(curve(0.1, 0.5, 0.9), deployed=1) == ("0,48.0 120,24.0 240,0.0", "120,24.0")
    assert curve_points(curve(0.5), deployed=0) == ("0,48.0", "0,48.0")


def test_a_long_curve_keeps_its_ends_and_its_deployed_epoch() -> None:
    line, dot = curve_points(curve(*(epoch / 200 for epoch in range(201))), deployed=33)
    points = line.split()
    assert points[0] == "0,48.0"
    assert points[-1] == "240,0.0"
    assert dot == "40,40.1"  # 240 * 33 / 200 = 39.6; 48 * (1 - 33 / 200) = 40.08
    assert dot in points
    assert len(points) <= 62


def test_a_row_links_to_its_seed_that_is_best_on_validation() -> None:
    best = {"teacher": 0, "cross_entropy": 1, "kd": 2}
    summary = summarize(make_results(Shape(validation=lambda pair, loss, seed: 0.9 + 0.05 * (seed == best[loss]))))
    links = trial_links(summary)
    for row in summary.models:
        assert links[row.name] == row.seeds[best["teacher" if row.role == "teacher" else row.row]].key


def test_a_trial_that_two_pairs_share_has_one_panel() -> None:
    summary = summarize(make_results(Shape(seeds=2)))
    (pair,) = summary.pairs
    twice = replace(summary, pairs=(pair, pair))
    assert panels(twice) == panels(summary)
    assert [panel.key for panel in panels(summary)] == [seed.key for row in summary.models for seed in row.seeds]


def test_a_panel_tells_curve_costs_files_and_record() -> None:
    summary = summarize(make_results(Shape(seeds=1, variants=("fp32", "int8_dynamic"))))
    panel = next(panel for panel in panels(summary) if "kd" in panel.title)
    facts = dict(panel.facts)
    assert panel.title == "small: kd, seed 0, pair big -> small"
    assert "validation" in facts["Curve"]
    assert "epoch 5 is deployed" in facts["Curve"]
    assert "alone" in facts["Cost"]
    assert facts["Files"].count("SHA-256") == 2
    assert facts["Record"].startswith(f"trials/{panel.key}/, artifacts/")


@pytest.mark.parametrize("seeds", [1, 3])
def test_the_table_has_a_row_for_every_seed_and_links_to_it(seeds: int) -> None:
    table = seeds_table(summarize(make_results(Shape(seeds=seeds))))
    assert [row[0].trial for row in table.rows] == [row[-1].text for row in table.rows]
    assert len(table.rows) == 1 + 2 * seeds
