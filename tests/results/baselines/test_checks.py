from pathlib import Path

import pytest

from kdbench.results.baselines.checks import commit_here, read_checks, write_check
from kdbench.spec import UserError
from tests.checks import check, top1


def test_checks_are_read_back_in_their_order_each_once(tmp_path: Path) -> None:
    first, second = check(1, top1(0.9)), check(2, top1(0.91))
    path = write_check(tmp_path / "a", second)
    assert path == tmp_path / "a/quick/2026-01-03T030000+0000-un-2.json"
    write_check(tmp_path / "a", first)
    write_check(tmp_path / "b", first)  # the same check as another artifact
    write_check(tmp_path / "b", first.model_copy(update={"suite": "other"}))
    assert read_checks(tmp_path, "quick") == [first, second]


def test_without_checks_it_is_said_which_suites_have_some(tmp_path: Path) -> None:
    write_check(tmp_path, check(1, top1(0.9)))
    with pytest.raises(UserError, match="no check of suite 'slow'") as caught:
        read_checks(tmp_path, "slow")
    assert "suites with checks here: quick" in str(caught.value)


def test_a_file_that_is_no_check_is_named(tmp_path: Path) -> None:
    (tmp_path / "verdict.json").write_text('{"schema_number": 2}')
    with pytest.raises(UserError, match=r"verdict\.json' is damaged: suite: Field required"):
        read_checks(tmp_path, "quick")


def test_the_commit_is_that_of_the_ci_service(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CI_COMMIT_SHA", "0123456789abcdef")
    assert commit_here() == "0123456789ab"
    monkeypatch.delenv("CI_COMMIT_SHA")
    monkeypatch.delenv("GITHUB_SHA", raising=False)
    monkeypatch.chdir(tmp_path)
    assert commit_here() is None
