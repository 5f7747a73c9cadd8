"""Statuses of a check and the exit codes that follow."""

import pytest

from kdbench.analyze import GateEntry, Verdict


def test_unjudged_rows_alone_are_no_verdict():
    verdict = Verdict("x", (GateEntry("top1", "a", "unjudged", "not judged: one seed"),))
    assert (verdict.status, verdict.exit_code(True)) == ("inconclusive", 6)


def test_nothing_measured():
    assert Verdict("x", ()).exit_code(True) == 6
    lost = GateEntry("top1", "a", "regressed", "no record", measured=False)
    assert Verdict("x", (lost,)).exit_code(False) == 6


@pytest.mark.parametrize(
    ("statuses", "status", "codes"),
    [
        (("pass", "unjudged"), "pass", (0, 0)),
        (("pass", "inconclusive"), "inconclusive", (0, 4)),
        (("inconclusive", "invalid"), "invalid", (5, 5)),
        (("invalid", "regressed", "pass"), "regressed", (3, 3)),
    ],
)
def test_the_worst_status_decides(statuses, status, codes):
    verdict = Verdict("x", tuple(GateEntry("top1", "a", each, "") for each in statuses))
    assert (verdict.status, verdict.exit_code(False), verdict.exit_code(True)) == (status, *codes)


def test_an_entry_is_a_sentence():
    entry = GateEntry("top1", "p / student / kd", "regressed", "-2.00 points over 5 seeds, allowed -0.50")
    assert entry.sentence == "p / student / kd: top-1 regressed: -2.00 points over 5 seeds, allowed -0.50"
    assert "latency improved: " in GateEntry("latency", "p", "pass", "x0.800", improved=True).sentence
