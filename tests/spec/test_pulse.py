"""Signs of life reach who listens."""

import pytest

from kdbench.spec import pulse


def test_signs_of_life_are_told_to_who_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse, "_listeners", [])
    told: list[float] = []
    pulse.beat()
    pulse.listen(told.append)
    pulse.beat()
    pulse.beat(60.0)
    assert told == [0.0, 60.0]
