import sys
from pathlib import Path

import pytest

from kdbench.results.machine import asking
from kdbench.results.machine.asking import Unknown, read_file, run_program


def test_a_file_is_read_without_its_last_line_break(tmp_path: Path) -> None:
    (tmp_path / "governor").write_text("performance\n")
    assert read_file(str(tmp_path / "governor")) == "performance"
    with pytest.raises(Unknown, match="none: No such file or directory"):
        read_file(str(tmp_path / "none"))


def test_a_program_is_heard() -> None:
    assert run_program(sys.executable, "-c", "print('1.5')") == "1.5"


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (("no-such-program", "-x"), "no-such-program: No such file"),
        ((sys.executable, "-c", "raise SystemExit('unknown oid')"), "failed: unknown oid"),
        ((sys.executable, "-c", "raise SystemExit(3)"), "failed: 3"),
        ((sys.executable, "-c", "import time; time.sleep(30)"), "did not end within 0.5 s"),
    ],
)
def test_a_program_that_does_not_answer_is_a_reason(
    monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], reason: str
) -> None:
    if "sleep" in command[-1]:
        monkeypatch.setattr(asking, "SECONDS", 0.5)
    with pytest.raises(Unknown, match=reason):
        run_program(*command)
