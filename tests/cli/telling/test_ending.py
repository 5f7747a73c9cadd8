"""What `run` and `report` end with."""

from pathlib import Path

import pytest

from kdbench.api import Results
from kdbench.cli.telling.ending import tell_pages, tell_results
from kdbench.results import Outcome
from tests.records import Shape, make_results

PAGES = (Path("r/index.html"), Path("r/report.md"))


def test_the_answer_then_the_pages(capsys: pytest.CaptureFixture[str]) -> None:
    tell_results(Results(make_results(Shape())), PAGES, show=False)
    said = capsys.readouterr()
    first, *_, html, markdown = said.out.splitlines()
    assert first.startswith(("Ship", "Undecided", "Nothing to ship"))
    assert (html, markdown) == ("HTML report:     r/index.html", "Markdown report: r/report.md")
    assert said.err == ""


def test_failures_come_with_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    failed = {("big -> small", "kd", 0): Outcome(status="failed", reason="diverged")}
    tell_results(Results(make_results(Shape(outcomes=failed))), PAGES, show=False)
    said = capsys.readouterr().out
    assert "1 trial failed: kd · small: diverged\n  help: " in said
    assert "kdbench run example --retry-failed" in said


def test_where_nothing_ended_the_reasons_are_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    shape = Shape(seeds=1, losses=("kd",))
    skipped = Outcome(status="skipped", reason="it does not fit")
    shape = Shape(seeds=1, losses=("kd",), outcomes={("big -> small", row, 0): skipped for row in ("teacher", "kd")})
    tell_results(Results(make_results(shape)), None, show=False)
    said = capsys.readouterr()
    assert said.out == ""
    assert "error: nothing was measured: no trial came to its end\n2 trials skipped: " in said.err
    assert ": it does not fit" in said.err


def test_a_page_is_opened_by_its_address(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda url: opened.append(url) or True)
    monkeypatch.chdir(tmp_path)
    tell_pages(PAGES, show=True)
    assert opened == [(tmp_path / "r/index.html").as_uri()]


def test_without_a_browser_that_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("webbrowser.open", lambda _: False)
    tell_pages(PAGES, show=True)
    assert "no browser was found to open 'r/index.html'" in capsys.readouterr().err
