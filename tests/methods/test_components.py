"""Components of variance: of made-up accuracies, and of the published records that the simulations are like."""

from dataclasses import asdict
from pathlib import Path

import pytest

from kdbench.results import Store, load_suite_results
from tests.methods.components import components
from tests.methods.decision import PUBLISHED

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("name", "suite", "pair"), [("as fashion", "fashion", 0), ("as losses-fashion", "losses-fashion", 0)]
)
def test_the_simulated_components_are_those_of_the_published_records(name: str, suite: str, pair: int) -> None:
    results = load_suite_results(Store(ROOT / "results/published"), suite)
    found = components(results, results.suite.pairs[pair].label)
    assert asdict(found) == pytest.approx(asdict(PUBLISHED[name]), abs=0.0001)
