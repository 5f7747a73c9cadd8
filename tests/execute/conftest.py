from collections.abc import Iterator
from functools import partial

import pytest

from kdbench.deploy.timing import throughput
from kdbench.deploy.timing.latency import cold_starts, time_round
from kdbench.execute.jobs import deployment


@pytest.fixture(scope="module")
def short_rounds() -> Iterator[None]:
    """Real timing, but by jobs in this process with as little of it as still gives a ratio: three sessions."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deployment, "cold_starts", partial(cold_starts, processes=1))
        patch.setattr(deployment, "time_round", partial(time_round, sessions=3, pairs=1))
        patch.setattr(throughput, "SESSIONS", 1)
        yield
