from collections.abc import Iterator

import pytest

from kdbench.execute.timing import rounds, throughput, timing


@pytest.fixture(scope="module")
def short_rounds() -> Iterator[None]:
    """Real timing, but as little of it as still gives a ratio: three sessions."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rounds, "COLD_STARTS", 1)
        patch.setattr(rounds, "LOOKS", (3,))
        patch.setattr(timing, "TIE_SESSIONS", 3)
        patch.setattr(rounds, "PAIRS", 1)
        patch.setattr(throughput, "SESSIONS", 1)
        yield
