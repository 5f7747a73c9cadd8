"""What `run` and `report` end with."""

from pathlib import Path

import pytest

from kdbench.api import Results
from kdbench.cli.telling.ending import open_page, results_record, tell_results
from kdbench.results import Outcome
from tests.records import Shape, make_results

PAGES = (Path("r/index.html"), Path("r/report.md"))


def test_the_answer_then_the_pages(capsys: pytest.CaptureFixture[str]) -> None:
    tell_results(Results(make_results(Shape())), PAGES)
    said = capsys.readouterr()
    first, *_, html, markdown = said.out.splitlines()
    assert first.startswith(("Ship", "Undecided", "Nothing to ship"))
    assert (html, markdown) == ("HTML report:     r/index.html", "Markdown report: r/report.md")
    assert said.err == ""


def test_failures_come_with_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    failed = {("big -> small", "kd", 0): Outcome(status="failed", reason="diverged")}
    tell_results(Results(make_results(Shape(outcomes=failed))), PAGES)
    said = capsys.readouterr().out
    assert "1 trial failed: kd · small: diverged\n  help: " in said
    assert "kdbench run example --retry-failed" in said


def test_where_nothing_ended_the_reasons_are_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    shape = Shape(seeds=1, losses=("kd",))
    skipped = Outcome(status="skipped", reason="it does not fit")
    shape = Shape(seeds=1, losses=("kd",), outcomes={("big -> small", row, 0): skipped for row in ("teacher", "kd")})
    tell_results(Results(make_results(shape)), None)
    said = capsys.readouterr()
    assert said.out == ""
    assert "error: nothing was measured: no trial came to its end\n2 trials skipped: " in said.err
    assert ": it does not fit" in said.err


def test_a_machine_reads_the_same() -> None:
    failed = {("big -> small", "kd", 0): Outcome(status="failed", reason="diverged")}
    results = Results(make_results(Shape(outcomes=failed)))
    found = results_record(results, PAGES)
    assert (found["suite"], found["html"], found["markdown"]) == ("example", "r/index.html", "r/report.md")
    assert found["answer"]["headline"].startswith(("Ship", "Undecided", "Nothing to ship"))
    (failure,) = found["failures"]
    assert (failure["status"], failure["reason"]) == ("failed", "diverged")
    assert results.records.run.outcomes[failure["key"]].status == "failed"
    nothing = results_record(results, None)
    assert (nothing["answer"], nothing["html"]) == (None, None)


def test_a_page_is_opened_by_its_address(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda url: opened.append(url) or True)
    monkeypatch.chdir(tmp_path)
    open_page(PAGES[0])
    assert opened == [(tmp_path / "r/index.html").as_uri()]


def test_without_a_browser_that_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("webbrowser.open", lambda _: False)
    open_page(PAGES[0])
    assert "no browser was found to open 'r/index.html'" in capsys.readouterr().err
