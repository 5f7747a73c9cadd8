"""Past checks: what each found, figure by figure, so that `kdbench history` can look at all of them."""

import os
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from kdbench.results.machine.asking import Unknown
from kdbench.results.machine.software import read_working_commit
from kdbench.results.store import write_whole
from kdbench.results.stored import Raw, Stored, read_stored
from kdbench.spec import UserError
from kdbench.spec.choice import Several
from kdbench.spec.comparison import Metric
from kdbench.spec.types import Count

RATIOS = ("latency", "training_seconds")  # are told as new over baseline
COMMITS = ("GITHUB_SHA", "CI_COMMIT_SHA")  # which CI services tell
DAMAGED = "bring the file back, or remove it: the history goes on without that check"


class CheckedFigure(Raw):
    """A figure as a check found it: see `GateEntry`."""

    kind: Metric
    what: str
    status: str
    baseline: float | None = None
    current: float | None = None
    estimate: float | None = None
    lower: float | None = None
    upper: float | None = None
    limit: float | None = None
    n: Count | None = None
    architectures: tuple[str, str] | None = None

    @model_validator(mode="after")
    def _has_ratios(self) -> Self:
        ratios = (self.estimate, self.lower, self.upper) if self.kind in RATIOS else ()
        if any(ratio is not None and ratio <= 0 for ratio in ratios):
            raise ValueError("a ratio of times is above 0")
        return self


class CheckRecord(Stored):
    """One check of a suite against a baseline."""

    suite: str
    checked: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$")]  # ISO 8601, UTC
    run: str  # its id
    baseline: str  # the id of the run that the baseline was frozen from
    commit: str | None  # of the folder where the check ran
    figures: Several[CheckedFigure]


def write_check(folder: Path, record: CheckRecord) -> Path:
    """Add a check to a folder of checks."""
    path = folder / record.suite / f"{record.checked.replace(':', '')}-{record.run[-4:]}.json"
    write_whole(path, record.model_dump_json())
    return path


def read_checks(folder: Path, suite: str) -> list[CheckRecord]:
    """The checks of a suite among all JSON files below a folder, the earliest first; each once.

    Raises `UserError` where there are none, and for a file that is no check.
    """
    paths = sorted(folder.rglob("*.json"))
    records = [read_stored(path, CheckRecord, older="remove it", damaged=DAMAGED) for path in paths]
    found = {(record.checked, record.run): record for record in records if record.suite == suite}
    if not found:
        others = sorted({record.suite for record in records})
        help = f"`kdbench check` adds one each time; suites with checks here: {', '.join(others) or 'none'}"
        raise UserError(f"no check of suite '{suite}' in '{folder}'", help=help)
    return [found[key] for key in sorted(found)]


def commit_here() -> str | None:
    """The commit that is checked: as a CI service tells it, else that of the working folder's repository."""
    if told := next((value for name in COMMITS if (value := os.environ.get(name))), None):
        return told[:12]
    try:
        return read_working_commit()
    except Unknown:
        return None
