"""Workflow commands: by hand, by the escapes that GitHub's documentation names."""

import pytest

from kdbench.analyze import GateEntry, Verdict
from kdbench.analyze.comparisons.changes import Change
from kdbench.report.check.annotations import annotations, refusal
from kdbench.spec import UserError
from tests.report.check.test_verdict import ENTRIES, UNDECIDED

FALLEN = GateEntry("top1", "p / student / kd", "regressed", "-2 % at\n12:00", 0.9, 0.88)


def test_a_regression_is_an_error_on_the_suite_s_file_with_what_changed() -> None:
    verdict = Verdict("quick", (ENTRIES[0], FALLEN), changed={"suite": (Change("train.epochs", 8, 1),)})
    (line,) = annotations(verdict, "a,b/my.toml", strict=False)
    assert line == (
        "::error file=a%2Cb/my.toml,title=top-1 regressed::p / student / kd: top-1 regressed: -2 %25 at%0A12:00"
        "%0AWhat changed since the baseline:%0Asuite: train.epochs was 8, is 1"
    )


@pytest.mark.parametrize(("strict", "level"), [(False, "warning"), (True, "error")])
def test_what_is_inconclusive_is_an_error_where_it_fails_the_check(strict: bool, level: str) -> None:
    (line,) = annotations(UNDECIDED, "quick", strict=strict)
    assert line.startswith(f"::{level} title=latency inconclusive::")


def test_figures_with_one_cause_have_one_annotation() -> None:
    classes = [GateEntry("top1", f"p / student / {loss}", "invalid", "other classes") for loss in ("kd", "dkd")]
    of_another = GateEntry("top1", "p / student / nkd", "invalid", "other data")
    assert list(annotations(Verdict("quick", (*classes, of_another)), "quick", strict=False)) == [
        "::error title=top-1 invalid::p / student / kd: top-1 invalid: other classes%0AThe same of:%0Ap / student / dkd",
        "::error title=top-1 invalid::p / student / nkd: top-1 invalid: other data",
    ]


def test_a_check_that_measured_nothing_is_an_error() -> None:
    assert list(annotations(Verdict("quick", ()), "quick", strict=False)) == [
        "::error title=kdbench measured nothing::The reasons are in verdict.md."
    ]


def test_a_check_without_a_verdict_is_one_error() -> None:
    error = UserError("no baseline in 'typo'", help="freeze one")
    told = "error: no baseline in 'typo'%0A  help: freeze one"
    assert refusal(error, "my.toml") == f"::error file=my.toml,title=kdbench check came to no verdict::{told}"


def test_a_pass_has_none() -> None:
    assert list(annotations(Verdict("quick", ENTRIES[:1]), "quick", strict=True)) == []
