"""What is printed, without characters that a terminal acts on: names in suites, records and files may hold any."""

import io
import re
import sys
from typing import TextIO

# Control characters but for tabs and line ends, and what turns the direction of the text around it.
ACTING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class Plain(io.TextIOWrapper):
    """A stream of text in which nothing moves the cursor, sets a title or writes to the clipboard."""

    def write(self, text: str, /) -> int:
        return super().write(plain(text))


def plain(text: str) -> str:
    """The text with a sign for each character that a terminal acts on."""
    return ACTING.sub("\N{REPLACEMENT CHARACTER}", text)


def print_plainly() -> None:
    """From now on all that this process prints is `Plain`."""
    sys.stdout, sys.stderr = _plain(sys.stdout), _plain(sys.stderr)


def _plain(stream: TextIO) -> TextIO:
    return Plain(stream.buffer, stream.encoding, stream.errors, line_buffering=True)
