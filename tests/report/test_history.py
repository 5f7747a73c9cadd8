import re
from pathlib import Path

import pytest

from kdbench.analyze.history import history_of
from kdbench.report.history import headline, history_lines, render_history, sparkline
from tests.checks import check, creeping, parameters, top1


def test_a_sparkline_runs_from_the_lowest_to_the_highest() -> None:
    assert sparkline([1.0, 2.0, 3.0, 8.0]) == "▁▂▃█"
    assert sparkline([5.0, 5.0]) == "▁▁"
    assert len(sparkline([*map(float, range(100))])) == 60


def test_lines_tell_what_moved_when_and_by_how_much() -> None:
    checks = [check(n, top1(0.9 if n < 8 else 0.88, half=0.001)) for n in range(16)]
    lines = list(history_lines(checks, history_of(checks)))
    assert lines[0] == (
        "16 checks of 'quick', 2026-01-01 to 2026-01-16: 1 figure worse by more than one check lets pass."
    )
    assert lines[2:4] == ["top-1: p / student / kd: beyond the limit", "  90.00 % ████████▁▁▁▁▁▁▁▁ 88.00 %"]
    assert re.fullmatch(
        r"  −2\.00 points \(−2\.\d\d to −1\.\d\d\) since the first check; one check lets 0\.50 .*", lines[4]
    )
    assert lines[5] == "  90.00 % -> 88.00 % at 2026-01-09 03:00, commit 000000000008"


def test_what_did_not_move_is_counted() -> None:
    checks = [check(1, top1(0.9))]
    assert headline(checks, history_of(checks)) == (
        "1 check of 'quick', 2026-01-02: no figure is shown to be worse than at first."
    )
    assert list(history_lines(checks, history_of(checks)))[1:] == ["", "too few checks: 1 figure"]
    counted = [check(n, top1(0.9), parameters(9)) for n in range(3)]
    assert list(history_lines(counted, history_of(counted)))[1:] == ["", "steady: 1 figure", "too few checks: 1 figure"]
    same = [check(n, top1(0.9)) for n in range(6)]
    assert list(history_lines(same, history_of(same)))[1:] == ["", "steady: 1 figure"]


def test_what_the_latest_check_regressed_comes_first() -> None:
    """One drop at the end is no change of level."""
    fallen = top1(0.83).model_copy(update={"status": "regressed"})
    checks = [*(check(n, parameters(9), top1(0.9)) for n in range(7)), check(7, parameters(9), fallen)]
    lines = list(history_lines(checks, history_of(checks)))
    assert lines[0].endswith(": the latest check regressed 1 figure.")
    assert lines[2:] == [
        "top-1: p / student / kd: regressed in the latest check",
        "  90.00 % ███████▁ 83.00 %",
        "  one check lets 0.50 points pass",
        "",
        "steady: 1 figure",
    ]
    mended = [*checks, check(8, parameters(9), top1(0.9))]
    assert "regressed" not in "".join(history_lines(mended, history_of(mended)))


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    checks = creeping(60)
    return render_history(checks, history_of(checks), tmp_path_factory.mktemp("history"))


def test_the_page_draws_what_moved_and_lists_all(rendered: tuple[Path, Path]) -> None:
    html, markdown = (path.read_text("utf-8") for path in rendered)
    assert html.count('class="plot"') == 2
    for page in (html, markdown):
        assert all(name in page for name in ("latency: p / student / kd / cpu", "parameters: p", "top-1: p"))
    assert (rendered[0].parent / "history-0.svg").is_file()
    assert "](history-1.svg)" in markdown
    assert "index.html" not in markdown


def test_names_are_shown_as_they_are(tmp_path: Path) -> None:
    evil = top1(0.9).model_copy(update={"what": "<b>|p"})
    checks = [check(n, evil.model_copy(update={"current": 0.9 - 0.1 * (n > 8)})) for n in range(16)]
    for path in render_history(checks, history_of(checks), tmp_path):
        assert "<b>" not in path.read_text("utf-8")
