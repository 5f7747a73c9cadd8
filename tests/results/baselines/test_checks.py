import re
from pathlib import Path

import pytest

from kdbench.results.baselines.checks import commit_here, read_checks, write_check
from kdbench.spec import UserError
from tests.checks import check, latency, top1


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


@pytest.mark.parametrize(
    ("before", "after"),
    [('"estimate":1.02', '"estimate":0.0'), ('"checked":"2026', '"checked":"\\u001b[2J2026'), ('"n":20', '"n":0')],
)
def test_what_no_check_can_have_found_is_refused_by_the_name_of_its_file(
    tmp_path: Path, before: str, after: str
) -> None:
    path = write_check(tmp_path, check(1, latency(1.02)))
    path.write_text(path.read_text().replace(before, after))
    with pytest.raises(UserError, match=rf"'{re.escape(str(path))}' is damaged.*\n.*goes on without that check"):
        read_checks(tmp_path, "quick")
