"""How often verdicts were wrong, as a table."""

import pytest

from kdbench.report.selftest import missed_goals, selftest_text
from kdbench.results.selftest import Judged, SelfTest
from tests.report.test_measurement import column
from tests.results.test_selftest import judged


def told(*rows: Judged) -> SelfTest:
    return SelfTest(judged=rows, busy=1, seconds=600.0, machine={"load_average": [0.5, 0.4, 0.3]}, finished="2026")


# One-sided 95 % bounds of Clopper and Pearson: of 0 in n 1 - .05^(1/n), of n in n .05^(1/n).
@pytest.mark.parametrize(
    ("failed", "trials", "bound", "holds"),
    [
        (0, 300, "1.0 %", "yes"),  # .00994
        (0, 20, "13.9 %", "too few trials to tell"),
        (2, 2, "100.0 %", "no"),  # at least 22 %
    ],
)
def test_goals_hold_as_far_as_trials_tell(failed: int, trials: int, bound: str, holds: str) -> None:
    found = told(judged(failed=failed, trials=trials, observed=1.0012, effort=5.25))
    text = selftest_text(found)
    assert column(text, "At most (95 % bound)") == [bound]
    assert column(text, "Holds") == [holds]
    assert column(text, "Rounds or seeds (mean)") == ["5.2"]
    assert bool(missed_goals(found)) == (holds == "no")
    assert "of the same work x1.001" in text
    assert "Measured in 10 min beside 1 busy process of its own" in text


def test_rules_of_others_have_no_goal() -> None:
    found = told(judged(ours=False, rule="asv compare", failed=19, trials=20))
    assert "Holds" not in selftest_text(found)  # a column without a word is left out
    assert not missed_goals(found)
    assert "Ratios" not in selftest_text(found)
