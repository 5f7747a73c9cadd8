"""Nothing that is printed acts on the terminal."""

import io
import subprocess
import sys

from kdbench.cli.telling.terminal import Plain, plain


def test_what_a_terminal_acts_on_is_shown_as_a_sign() -> None:
    assert plain("\x1b]52;c;cm0=\x07 a\tb\nc \x9b2J \u202eknil") == "\ufffd]52;c;cm0=\ufffd a\tb\nc \ufffd2J \ufffdknil"
    assert plain("Grüße, 5 × 10 µs: 日本") == "Grüße, 5 × 10 µs: 日本"


def test_a_stream_writes_nothing_else() -> None:
    held = io.BytesIO()
    stream = Plain(held, "utf-8")
    print("red \x1b[31m", "line", sep="\n", file=stream, flush=True)
    assert held.getvalue().decode() == "red \ufffd[31m\nline\n"


def test_no_command_hands_on_what_an_argument_holds() -> None:
    words = [sys.executable, "-m", "kdbench", "run", "\x1b]0;a title\x07"]
    done = subprocess.run(words, capture_output=True, check=False)
    assert done.returncode == 2
    assert b"\x1b" not in done.stdout + done.stderr
    assert "\ufffd]0;a title\ufffd" in done.stderr.decode("utf-8")
