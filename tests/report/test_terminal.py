"""The answer of a report for a terminal."""

import pytest

from kdbench.analyze import recommend, summarize
from kdbench.report.terminal import answer_text, failures_text
from kdbench.results import Outcome
from tests.records import Shape, make_results

LOSSES = ("cross_entropy", "kd", "dkd", "fitnet", "logit_mse", "dist", "rkd", "pkt", "nst", "ttm", "wttm", "nkd")
MANY = summarize(make_results(Shape(losses=LOSSES, seeds=5)))


def table(text: str) -> list[str]:
    lines = text.splitlines()
    return lines[lines.index("") + 1 :]


def test_the_headline_comes_first_then_the_ranking() -> None:
    lines = answer_text(MANY, 100).splitlines()
    assert lines[0] == recommend(MANY).headline
    head, *rows = table("\n".join(lines))
    assert head.split("  ")[0] == "loss"
    gains = {row.row: row.gain.estimate.mean if row.gain else 0.0 for row in MANY.students}
    shown = [row.split()[0] for row in rows[:10]]
    assert shown == sorted(gains, key=lambda name: -gains[name])[:10]
    assert rows[10] == "and 2 more rows: see the report"
    assert rows[11] == "gain: points over the student alone at equal epochs"
    assert rows[12] == "latency: of the student, as a share of its teacher's"


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_longer_than_the_terminal(width: int) -> None:
    several = Shape(pairs=(("big", "small"), ("a teacher of a long name", "small")), losses=LOSSES[:4], seeds=3)
    for summary in (MANY, summarize(make_results(several))):
        lines = answer_text(summary, width).splitlines()
        assert max(map(len, lines[1:])) <= width, lines  # the headline may be longer


def test_a_long_name_loses_its_middle() -> None:
    pairs = (("a teacher of a very long name", "small"), ("a teacher of a very long name", "tiny"))
    # Of 40 characters top-1 and latency take 9 each with the space before them: 22 are left, 8 and 13 beside the dots.
    rows = table(answer_text(summarize(make_results(Shape(pairs=pairs, losses=("kd",), seeds=1))), 40))[1:3]
    assert {row.split("  ")[0] for row in rows} == {"kd · a t…name -> small", "kd · a t… name -> tiny"}


def test_columns_without_a_figure_are_left_out() -> None:
    untimed = summarize(make_results(Shape(latency=False, seeds=1)))
    assert "latency" not in answer_text(untimed, 100)


def test_rows_that_lack_seeds_say_so() -> None:
    failed = {("big -> small", "kd", 1): Outcome(status="failed", reason="diverged")}
    head, *rows = table(answer_text(summarize(make_results(Shape(seeds=3, outcomes=failed))), 100))
    assert head.endswith("  seeds")
    assert {row.split()[0]: row[-6:] for row in rows[:2]} == {"kd": "2 of 3", "cross_entropy": "3 of 3"}
    assert "seeds" not in table(answer_text(summarize(make_results(Shape(seeds=3))), 100))[0]


def test_an_interval_of_all_gains_is_unknown_and_collapsed_seeds_are_told() -> None:
    # Gains of +20 and -20 points: 12.7 standard errors of 20 are 254 points.
    wide = Shape(seeds=2, accuracy=lambda pair, loss, seed: 0.5 + 0.2 * (loss == "kd") * (-1) ** seed)
    assert any("  unknown (2 seeds)  " in line for line in table(answer_text(summarize(make_results(wide)), 100)))
    told = "collapsed seeds stand in no top-1 and no gain: the two may be of unlike seeds"
    assert told not in answer_text(MANY, 100).splitlines()
    lost = Shape(seeds=5, accuracy=lambda pair, loss, seed: 0.1 if (loss, seed) == ("kd", 1) else 0.9)
    assert told in answer_text(summarize(make_results(lost)), 100).splitlines()


def test_without_a_student_there_is_no_ranking() -> None:
    failed = {
        ("big -> small", loss, 0): Outcome(status="failed", reason="diverged") for loss in ("cross_entropy", "kd")
    }
    alone = summarize(make_results(Shape(seeds=1, outcomes=failed)))
    assert answer_text(alone, 100).splitlines()[0].startswith("Nothing to ship, because ")
    assert "loss" not in answer_text(alone, 100).split()


def test_a_try_may_fail() -> None:
    diverged = {("big -> small", "kd, try 1", 1000): Outcome(status="failed", reason="diverged")}
    run = make_results(Shape(tries=2, outcomes=diverged)).run
    assert [outcome.reason for outcome in run.outcomes.values() if outcome.status == "failed"] == ["diverged"]
    assert failures_text(run) == ""


def test_failures_with_one_reason_stand_together() -> None:
    diverged, unfit = Outcome(status="failed", reason="diverged"), Outcome(status="skipped", reason="no such layer")
    outcomes = {("big -> small", "kd", seed): diverged for seed in (0, 1)} | {("big -> small", "dkd", 0): unfit}
    run = make_results(Shape(losses=("cross_entropy", "kd", "dkd"), seeds=2, outcomes=outcomes)).run
    assert failures_text(run).splitlines() == [
        "2 trials failed: kd · small: diverged",
        "1 trial skipped: dkd · small: no such layer",
    ]
    assert failures_text(make_results(Shape()).run) == ""
