"""kdbench logs"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kdbench.cli import complete, options

if TYPE_CHECKING:
    from kdbench.results import FailureRecord, Outcome, RunRecord, Store, TrialRecord
    from kdbench.results.usage import Usage
    from kdbench.spec import Entry

LEAST = 4  # characters of a key, so that it names one trial


@click.command(
    name="logs", epilog=options.examples("kdbench logs 061f1e9c       # the first characters of a key will do")
)
@click.argument("key", shell_complete=complete.trials)
@options.results_option
@options.json_option
def command(key: str, results: Path, as_json: bool) -> None:
    """Show how a trial was trained, or why not: its rows, its curve, what it cost, and the traceback of a failure.

    KEY is in `kdbench plan SUITE`, in every report, and the name of a folder under trials.
    """
    from kdbench.results import FailureRecord, Store
    from kdbench.results.usage import usage_of

    store = Store(results)
    usage = usage_of(store)
    whole = _whole(usage, key, store)
    record = store.read_trial(whole) if store.has_trial(whole) else None
    failure = store.read(Store.FAILURES, whole, FailureRecord)
    entries, outcomes = _told(usage.runs, whole)
    if as_json:
        found = {
            "key": whole,
            "rows": [{"suite": suite, **entry.model_dump(mode="json")} for suite, entry in entries],
            "outcomes": {run: outcome.model_dump() for run, outcome in outcomes.items()},
            "trial": record.model_dump(mode="json") if record else None,
            "failure": failure.model_dump(mode="json") if failure else None,
        }
        click.echo(json.dumps(found, indent=1))
        return
    click.echo(f"trial {whole}")
    for suite, entry in entries:
        click.echo(f"  {suite}: {entry.pair}, {entry.title}, {entry.model}, seed {entry.seed}")
    for line in (*_curve(store, record), *_failure(failure), *_without(record, failure, outcomes)):
        click.echo(line)


def _whole(usage: "Usage", key: str, store: "Store") -> str:
    """The only key that begins so, of trials that are done or have failed, or that runs tell of. Raises `UserError`."""
    from kdbench.spec import UserError

    known = {each.key for each in usage.holdings if each.kind in ("trials", "failures")}
    known |= {name for run in usage.runs for name in run.outcomes}
    found = sorted(name for name in known if name.startswith(key)) if len(key) >= LEAST or key in known else []
    if len(found) == 1:
        return found[0]
    what = f"{len(found)} trials have keys that begin with" if found else f"no trial in '{store.root}' has the key"
    raise UserError(f"{what} '{key}'", help=f"`kdbench plan SUITE` lists keys; {LEAST} characters or more will do")


def _told(runs: Sequence["RunRecord"], key: str) -> tuple[Sequence[tuple[str, "Entry"]], dict[str, "Outcome"]]:
    """The rows that a trial stands for, by suite, and how it ended in each run that tells of it."""
    rows = {(run.name, entry.title): entry for run in runs for entry in run.entries if entry.key == key}
    outcomes = {run.run_id: run.outcomes[key] for run in runs if key in run.outcomes}
    return [(suite, entry) for (suite, _), entry in rows.items()], outcomes


def _curve(store: "Store", record: "TrialRecord | None") -> Iterator[str]:
    """The epochs, and what they cost."""
    if record is None:
        return
    readings = list(dict.fromkeys(name for point in record.curve for name in point.readings))
    yield f"\n{'epoch':>5}  {'train loss':>10}  {'val. loss':>10}  {'val. top-1':>10}" + "".join(
        f"  {name:>12}" for name in readings
    )
    for point in record.curve:
        loss = "" if point.train_loss is None else f"{point.train_loss:.4f}"
        told = "".join(f"  {point.readings.get(name, float('nan')):>12.5g}" for name in readings)
        kept = "  <- kept" if point.epoch == record.selected_epoch else ""
        figures = f"{loss:>10}  {point.validation_loss:>10.4f}  {100 * point.validation_top1:>8.2f} %"
        yield f"{point.epoch:>5}  {figures}{told}{kept}"
    cost = record.training
    yield (
        f"\ntrained {record.finished} on {cost.device}, {cost.steps:,} steps: {cost.alone_seconds:.1f} s alone, "
        f"{cost.shared_seconds:.1f} s as one of a cohort of {cost.cohort}; up to {cost.peak_memory_bytes / 1e6:,.0f} MB"
    )
    yield f"stopped by {record.stopped}; record and weights: {store.trial_folder(record.key)}"


def _failure(failure: "FailureRecord | None") -> Iterator[str]:
    if failure:
        again = "it would end so again" if failure.repeats else "the next run trains it again"
        yield f"\n{failure.status} {failure.finished} on {failure.device}: {failure.reason} ({again})"
        yield from (failure.traceback or "").splitlines()


def _without(
    record: "TrialRecord | None", failure: "FailureRecord | None", outcomes: dict[str, "Outcome"]
) -> Iterator[str]:
    """What runs say of a trial that has no record itself."""
    if record is None and failure is None:
        for run, outcome in outcomes.items():
            yield f"  {outcome.status} in run {run}: {outcome.reason or 'its record was removed'}"
