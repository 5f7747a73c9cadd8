"""`kdbench clean` and `kdbench du` on a small store."""

import json
from pathlib import Path

import pytest

from kdbench.cli.failure import run_guarded
from kdbench.cli.records.clean import command
from kdbench.cli.records.du import command as du
from tests.results.test_usage import EARLIER, NOBODY, write


def test_nothing_is_removed_without_yes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path)
    assert run_guarded(command, ["--results", str(tmp_path)]) == 0
    told = capsys.readouterr()
    assert told.out == f"trials       {NOBODY}  8 B\n"
    assert told.err == "1 records and 0 runs, 8 B, would be removed: say --yes\n"
    assert (tmp_path / "trials" / NOBODY).exists()


def test_earlier_runs_and_caches_go_where_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path)
    assert run_guarded(command, ["--results", str(tmp_path), "--latest", "--caches", "--yes", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["removed"], told["bytes"]) == (True, 20)
    assert [each["key"] for each in told["records"]] == [EARLIER, NOBODY, "outputs"]
    assert [each["key"] for each in told["runs"]] == ["20260101T000000.000000Z-aaaa"]
    assert [path.stem for path in (tmp_path / "suites").glob("*/*")] == ["20260102T000000.000000Z-bbbb"]
    assert run_guarded(command, ["--results", str(tmp_path), "--latest", "--caches"]) == 0
    assert capsys.readouterr().out == ""


def test_a_store_by_kind_and_suite(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path)
    assert run_guarded(du, ["--results", str(tmp_path), "--json"]) == 0
    found = {(each["of"], each["name"]): each for each in json.loads(capsys.readouterr().out)}
    assert found["unused", "no run refers to"]["bytes"] == 8
    assert found["kind", "cache"] == {"of": "kind", "name": "cache", "records": 1, "bytes": 4}
    total = found["total", "all of it"]["bytes"]
    assert total == sum(each["bytes"] for (of, _), each in found.items() if of == "kind")
    assert found["suite", "example"]["bytes"] == total - 8 - 8 - 4
    assert run_guarded(du, ["--results", str(tmp_path)]) == 0
    assert "cache" in capsys.readouterr().out
