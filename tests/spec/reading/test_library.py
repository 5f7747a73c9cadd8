from pathlib import Path

import pytest

from kdbench.spec import UserError, find_suite, suite_name, suites


def test_shipped_suites_are_found_by_name_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_suite("quickstart").name == "quickstart.toml"
    assert {"quickstart", "fashion"} <= suites().keys()


def test_a_suite_of_the_working_folder_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites/quickstart.toml").write_text('name = "mine"')
    assert find_suite("quickstart") == Path("suites/quickstart.toml")


def test_what_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="did you mean 'fashion'"):
        find_suite("fasion")
    with pytest.raises(UserError, match=r"no suite file 'x\.toml'"):
        find_suite("x.toml")


def test_results_are_kept_under_the_name_that_the_file_gives(tmp_path: Path) -> None:
    (tmp_path / "file.toml").write_text('name = "inside"')
    assert suite_name(str(tmp_path / "file.toml")) == "inside"
    assert suite_name("plain") == "plain"


def test_the_name_of_a_known_file_means_the_name_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites/foo.toml").write_text('name = "bar"')
    (tmp_path / "suites/latin.toml").write_bytes(b'name = "caf\xe9"')
    (tmp_path / "suites/folder.toml").mkdir()
    assert suite_name("foo") == "bar"
    assert suite_name("bar") == "bar"
    assert suite_name("latin") == "latin"
    assert suite_name("folder") == "folder"
