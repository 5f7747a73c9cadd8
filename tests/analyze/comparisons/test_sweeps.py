"""Sweeps of one loss, by hand."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from pydantic import JsonValue

from kdbench.analyze import StudentRow, summarize
from kdbench.analyze.comparisons.sweeps import Sweep, find_sweeps, logarithmic
from kdbench.results import Outcome
from kdbench.statistics.intervals import estimate
from tests.records import Shape, make_results

LEVEL = {1: 0.85, 2: 0.898, 4: 0.90, 8: 0.88}
# Differences between settings vary by seed: without spread nothing is claimed.
NOISE = {1: (0, 1, 0, 1, 0), 2: (3, -3, 3, -3, 0), 4: (1, 1, 0, 0, 0), 8: (0, 0, 1, 1, 0)}


def accuracy(_: int, row: str, seed: int) -> float:
    if not row.startswith("kd(temperature="):
        return 0.8 if row == "cross_entropy" else 0.95
    value = int(row.removeprefix("kd(temperature=").removesuffix(")"))
    return LEVEL[value] + 0.001 * NOISE[value][seed]


SHAPE = Shape(seeds=5, temperatures=(8, 1, 4, 2), accuracy=accuracy)


def swept(shape: Shape = SHAPE) -> Sweep:
    (found,) = summarize(make_results(shape)).sweeps
    return found


def test_the_best_on_validation_and_how_far_the_others_are() -> None:
    sweep = swept()
    assert (sweep.pair, sweep.name, sweep.keys) == ("big -> small", "kd", ("temperature",))
    assert sweep.best.settings == {"temperature": 4}
    losses = {each.row.settings["temperature"]: sweep.loss(each) for each in sweep.settings}
    assert losses == pytest.approx({8: 0.02, 1: 0.05, 4: 0.0, 2: 0.0024})
    assert [each.row.settings["temperature"] for each in sweep.equivalent] == [4, 2]
    assert sweep.worst.row.settings == {"temperature": 1}
    assert sweep.at_an_end == ()


def test_a_setting_that_is_shown_to_be_worse_cannot_be_the_best() -> None:
    # 1 and 8 are dozens of standard errors below 4; 2 is .24 +- .29 * 2.78 / sqrt(5) points below.
    assert {each.row.settings["temperature"]: each.may_be_best for each in swept().settings} == {
        8: False,
        1: False,
        4: True,
        2: True,
    }
    assert all(each.may_be_best for each in swept(replace(SHAPE, seeds=1)).settings)


def test_the_truly_best_is_seldom_excluded() -> None:
    """Eight equal settings, 5 seeds, 400 sweeps: the first is truly the best, as all are."""
    (pair,) = summarize(make_results(Shape(seeds=1, latency=False, samples=100))).pairs
    random = np.random.default_rng(0)

    def setting(number: int) -> StudentRow:
        values = random.normal(0, 0.002, 5)
        row = pair.students[1]
        seeds = tuple(replace(row.seeds[0], seed=seed, validation_top1=value) for seed, value in enumerate(values))
        changes = {"loss": f"kd(temperature={number})", "sweep": "kd", "settings": {"temperature": number}}
        return replace(row, **changes, seeds=seeds, validation=estimate(values.tolist()))

    def excluded() -> bool:
        (sweep,) = find_sweeps([replace(pair, students=tuple(map(setting, range(8))))])
        return not sweep.settings[0].may_be_best

    assert sum(excluded() for _ in range(400)) / 400 <= 0.05 + 2 * (0.05 * 0.95 / 400) ** 0.5


def test_along_one_key_the_others_are_those_of_the_best() -> None:
    sweep = swept()
    assert [each.row.settings["temperature"] for each in sweep.along("temperature")] == [1, 2, 4, 8]

    def at(place: int, **settings: JsonValue) -> Mapping[int, Mapping[str, JsonValue]]:
        return {place: settings}

    both = {**at(0, lr=0.1, use="a"), **at(1, lr=0.2, use="a"), **at(2, lr=0.1, use="b"), **at(3, lr=0.2, use="b")}
    rows = [replace(each, row=replace(each.row, settings=both[n])) for n, each in enumerate(sweep.settings)]
    two = replace(sweep, settings=tuple(rows), best=rows[2].row)
    assert [each.row.settings for each in two.along("lr")] == [both[2], both[3]]
    assert [each.row.settings for each in two.along("use")] == [both[0], both[2]]
    assert two.at_an_end == ("lr",)  # words have no ends


def test_a_setting_that_lacks_seeds_is_not_the_best() -> None:
    lost = {("big -> small", "kd(temperature=4)", 4): Outcome(status="failed", reason="NaN")}
    assert swept(replace(SHAPE, outcomes=lost)).best.settings == {"temperature": 2}


def test_suites_without_a_sweep_have_none() -> None:
    assert summarize(make_results(Shape())).sweeps == ()


def test_the_scale_follows_from_the_values() -> None:
    assert logarithmic([1, 2, 4, 8])
    assert logarithmic([0.1, 0.316, 1.0, 3.16, 10.0])
    assert not logarithmic([0.1, 0.2, 0.3, 0.4])
    assert not logarithmic([0, 1, 10])
    assert not logarithmic([1, 100])
