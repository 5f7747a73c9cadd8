"""The simulations of the methods: what they count, and that other random numbers give the published shares."""

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from benchmarks.harness import figures_file
from benchmarks.methods import SIMULATIONS, TABLES, shares
from tests.methods.__main__ import TRIALS, as_unit, simulate, stored
from tests.methods.populations import COUNTED, NORMAL, Population
from tests.methods.share import Share, count

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def content() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / figures_file("methods")).read_text("utf-8"))
    return found


def keys(found: list[Share]) -> list[tuple[str, str, str, float | None]]:
    return [(each.what, each.setting, each.kind, each.nominal) for each in found]


@pytest.mark.parametrize(("hits", "trials"), [(0, 20), (7, 10), (950, 1000), (30, 30)])
def test_bounds_agree_with_scipy(hits: int, trials: int) -> None:
    share = Share("a", "b", "share", None, hits, trials)
    oracle = stats.binomtest(hits, trials).proportion_ci(0.95, "exact")
    assert (share.low, share.high) == (pytest.approx(oracle.low), pytest.approx(oracle.high))


@pytest.mark.parametrize(
    ("kind", "nominal", "hits", "verdict"),
    [
        ("coverage", 0.95, 9450, "nominal"),
        ("coverage", 0.95, 9000, "too low by 5.0 points"),
        ("coverage", 0.95, 9900, "conservative by 4.0 points"),
        ("error", 0.05, 300 + 500, "too high by 3.0 points"),
        ("error", 0.05, 100, "conservative by 4.0 points"),
        ("share", 0.80, 7000, "too low by 10.0 points"),
        ("share", 0.80, 9000, "too high by 10.0 points"),
        ("share", None, 9000, "-"),
    ],
)
def test_verdicts(kind: Any, nominal: float | None, hits: int, verdict: str) -> None:
    assert Share("a", "b", kind, nominal, hits, 10_000).verdict == verdict


def test_no_more_hits_than_trials() -> None:
    with pytest.raises(ValueError, match="3 hits of 2"):
        Share("a", "b", "share", None, 3, 2)
    with pytest.raises(ValueError, match="0 hits of 0"):
        count("a", "b", "share", None, [])


@pytest.mark.parametrize("population", [NORMAL, COUNTED], ids=lambda population: population.name)
def test_populations_have_the_stated_moments(population: Population) -> None:
    gain = population.gain_of(1.0)
    assert gain == pytest.approx(population.difference_sd(gain))
    first, second = np.moveaxis(population.draw(np.random.default_rng(1), 100_000, 2, (gain, 0.0)), 1, 0)
    assert second.mean() == pytest.approx(population.level, abs=5 * population.sd() / math.sqrt(100_000))
    assert second.std() == pytest.approx(population.sd(), rel=0.01)
    assert (first - second).mean() == pytest.approx(gain, rel=0.02)
    assert (first - second).std() == pytest.approx(population.difference_sd(gain), rel=0.01)


# Two trials on the machine itself take most of a minute.
BY_NAME = [pytest.param(name, marks=pytest.mark.slow if name == "machine" else ()) for name in SIMULATIONS]


@pytest.mark.parametrize("simulation", BY_NAME)
def test_what_is_simulated_is_what_is_published(simulation: str, content: dict[str, Any]) -> None:
    """With few trials: every share can be counted, is distinct from the others, and is in the file."""
    found = simulate(simulation, trials=16)
    assert len(set(keys(found))) == len(found)
    assert keys(found) == keys(stored(content["units"][simulation]))
    assert content["options"] == {"trials": TRIALS}
    again = json.loads(json.dumps(as_unit(found)))
    assert stored(again) == found
    assert again["figures"][0]["verdict"] == found[0].verdict


def test_published_shares_follow_from_their_counts(content: dict[str, Any]) -> None:
    for name in SIMULATIONS:
        rows = content["units"][name]["figures"]
        assert rows == as_unit(stored({"figures": rows}))["figures"]


def test_the_same_seed_gives_the_same_shares() -> None:
    assert simulate("comparisons", 16, seed=3) == simulate("comparisons", 16, seed=3)


def test_every_simulation_has_its_table() -> None:
    page = (ROOT / "docs/method.md").read_text("utf-8")
    assert set(re.findall(r"<!-- table: ([a-z-]+) -->", page)) == set(TABLES)


def test_a_table_by_hand() -> None:
    found = [Share("a test", "a truth", "error", 0.05, 50, 1000), Share("a share", "a truth", "share", None, 1, 2)]
    lines = shares("seeds", {"units": {"seeds": as_unit(found)}}).splitlines()
    assert lines[2] == "| a test | a truth | ≤ 5.0 % | 5.0 % | 3.7 % to 6.5 % | 1,000 | nominal |"
    assert lines[3].startswith("| a share | a truth | - | 50.0 % |")
    assert shares("seeds", {"units": {}}) == ""


@pytest.mark.slow
def test_latencies_on_this_machine_have_their_nominal_levels() -> None:
    wrong = [found for found in simulate("machine", TRIALS) if found.verdict.startswith("too")]
    assert not wrong


@pytest.mark.slow
@pytest.mark.parametrize("simulation", [name for name in SIMULATIONS if name != "machine"])
def test_other_draws_give_the_published_shares(simulation: str, content: dict[str, Any]) -> None:
    published = {(each.what, each.setting): each for each in stored(content["units"][simulation])}
    for found in simulate(simulation, TRIALS, seed=1):
        there = published[found.what, found.setting]
        # Fisher's exact test of two shares; of some hundred tests none is under 1 in 100,000 by chance.
        counts = [[each.hits, each.trials - each.hits] for each in (found, there)]
        assert stats.fisher_exact(counts).pvalue > 1e-5, f"{found} is not {there.observed}"
