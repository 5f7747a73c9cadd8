"""Which samples tell what matters to an anchor."""

from itertools import pairwise

import pytest

from kdbench.execute.jobs.networks import ANCHOR_SAMPLES, anchor_places


@pytest.mark.parametrize("samples", [1, 7, 99, 100, 101, 4321])
def test_importance_is_measured_on_distinct_samples_from_the_first_to_the_last(samples: int) -> None:
    places = anchor_places(samples).tolist()
    assert len(set(places)) == len(places) == min(samples, ANCHOR_SAMPLES)
    assert {places[0], places[-1]} == {0, samples - 1}
    gaps = [after - before for before, after in pairwise(places)]
    assert not gaps or max(gaps) - min(gaps) <= 1
