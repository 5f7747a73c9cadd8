"""How often verdicts were wrong, as a table."""

import pytest

from kdbench.report.selftest import ENOUGH, missed_goals, selftest_text
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
    busy = "Measured in 10 min beside 1 process that it kept busy; the load average before it was 0.5, 0.4, 0.3 (1, 5, 15 min)"
    assert busy in " ".join(text.split())


def test_rules_of_others_have_no_goal() -> None:
    found = told(judged(ours=False, rule="asv compare", failed=19, trials=20))
    assert "Holds" not in selftest_text(found)  # a column without a word is left out
    assert not missed_goals(found)
    assert "Ratios" not in selftest_text(found)


def test_of_few_trials_of_others_no_share_is_told() -> None:
    found = told(*(judged(ours=False, rule=f"of {trials}", failed=1, trials=trials) for trials in (9, 10)))
    text = selftest_text(found)
    assert column(text, "Wrong") == ["1", "1"]
    assert column(text, "Share") == ["—", "10.0 %"]
    assert column(text, "At most (95 % bound)") == ["—", "39.4 %"]  # of 1 in 10, by Clopper and Pearson


GOALS = "at most 1 % false alarms and 5 % misses"


@pytest.mark.parametrize(
    ("alarms", "misses", "headline"),
    [
        (
            (0, 20),  # 1 - .05^(1/40), 1 - .05^(1/4)
            (0, 4),
            "`kdbench check`: 0 false alarms in 40 trials (at most 7.2 % at 95 %) and 0 misses in 4 trials (at most 52.7 % at "
            f"95 %). The goals are {GOALS}: `--aa 300` without a wrong verdict shows that they hold.",
        ),
        (
            (0, ENOUGH),  # 1 - .05^(1/600), 1 - .05^(1/60)
            (0, ENOUGH // 5),
            "`kdbench check`: 0 false alarms in 600 trials (at most 0.5 % at 95 %) and 0 misses in 60 trials (at most 4.9 % at "
            f"95 %). The goals hold: {GOALS}.",
        ),
        (
            (2, 2),
            (0, 60),
            "`kdbench check`: 4 false alarms in 4 trials (at most 100.0 % at 95 %) and 0 misses in 60 trials (at most 4.9 % at "
            f"95 %). More than the goals allow, {GOALS}: kdbench check, the same work, kdbench check, the same recipe.",
        ),
    ],
)
def test_the_first_sentence_says_what_was_shown(
    alarms: tuple[int, int], misses: tuple[int, int], headline: str
) -> None:
    wrong, trials = alarms
    same = [judged(failed=wrong, trials=trials, truth=truth) for truth in ("the same work", "the same recipe")]
    slower = judged(failed=misses[1] - misses[0], trials=misses[1], regressed=True, truth="10 % more work")
    of_others = judged(ours=False, rule="asv compare", failed=5, trials=5)
    first, *_ = selftest_text(told(*same, slower, of_others)).split("\n\n")
    assert " ".join(first.split()) == headline
