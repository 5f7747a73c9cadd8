"""Components of variance, of made-up accuracies and of the published records."""

from pathlib import Path

from kdbench.results import Store, load_suite_results
from tests.methods.components import components
from tests.methods.decision import PUBLISHED

ROOT = Path(__file__).parents[2]


def test_the_simulated_components_are_in_the_order_of_the_published_records() -> None:
    """Of the suites whose records are published: no simulated SD may be under half of what is found there."""
    results = load_suite_results(Store(ROOT / "results/published"), "fashion")
    found = components(results, results.suite.pairs[0].label)
    assert max(each.network for each in PUBLISHED.values()) > 0.5 * found.network
    assert max(each.test for each in PUBLISHED.values()) > 0.5 * found.test
