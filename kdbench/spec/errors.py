"""What a user is told when an input is wrong: what, where, what is allowed, what to do next."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing wrong with an input: `what` it is, `where` (file:line), its `source` line, and `help`."""

    what: str
    where: str | None = None
    source: str | None = None
    help: str | None = None

    def __str__(self) -> str:
        lines = [f"error: {self.what}"]
        if self.where:
            lines.append(f"  --> {self.where}")
        if self.source is not None:
            number = (self.where or "").rpartition(":")[2]
            lines.append(f"{number:>5} | {self.source.strip()}")
        if self.help:
            lines.append(f"  help: {self.help}")
        return "\n".join(lines)


class UserError(Exception):
    """Bad input: every problem found, together. The command line prints it and exits with `exit_code`."""

    exit_code = 2

    def __init__(self, problems: Problem | str | Iterable[Problem], *, help: str | None = None) -> None:
        if isinstance(problems, str):
            problems = Problem(problems, help=help)
        self.problems = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


def nearest(word: str, allowed: Iterable[str]) -> str:
    """A sentence that lists what is allowed, and says which of them `word` most resembles."""
    names = sorted(allowed)
    if not names:
        return "nothing is allowed here"
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    guess = f"did you mean '{close[0]}'? " if close else ""
    listed = ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
    return f"{guess}allowed: {listed}"
