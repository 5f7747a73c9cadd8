"""A suite that has changed since the run whose figures a command takes."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from kdbench.api import Results
    from kdbench.results import ResultSet

MOST_NAMED = 3  # of what differs


def edits(results: "ResultSet", suite: str, plugins: Sequence[str] = ()) -> str:
    """What differs between the run and the suite as it is now; empty where nothing does but the description.

    `suite` is a file, or the name of one that comes with kdbench. Raises `UserError` where it cannot be planned.
    """
    from kdbench import api
    from kdbench.analyze.comparisons.changes import suite_changes
    from kdbench.analyze.decisions.wording import listed

    given = api.plan(api.load_suite(suite, plugins), plugins).suite
    changes = suite_changes(*(each.model_dump(mode="json") for each in (results.suite, given)))
    told = [each.sentence for each in changes if each.what != "description"]
    return listed(told, MOST_NAMED) if told else ""


def results_of(suite: str, results: Path, run: str | None) -> "Results":
    """The run that a command shows; where that is the latest of a file which has changed since, stderr says so.

    A file that cannot be planned says nothing of its run: it is gone, or has modules that only a run is told (-p).
    """
    from kdbench import api
    from kdbench.spec import UserError

    found = api.load_results(suite, results, run)
    if run is None and suite.endswith(".toml"):
        with suppress(UserError):
            if told := edits(found.records, suite):
                click.echo(f"note: '{suite}' has changed since this run: {told}", err=True)
    return found
