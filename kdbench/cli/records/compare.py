"""kdbench compare"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kdbench.cli import complete, options

if TYPE_CHECKING:
    from kdbench.analyze import ModelRow, Summary
    from kdbench.analyze.comparisons.changes import Change, ComparedRow
    from kdbench.results import RunRecord


@dataclass(frozen=True)
class Side:
    """What stands on one side: a run, and one of its losses where one is named."""

    run: "RunRecord"
    summary: "Summary"
    loss: str

    @property
    def rows(self) -> Sequence["ModelRow"]:
        """All; where a loss is named the students of this name, or else those of the loss in all ways of teaching."""
        if not self.loss:
            return self.summary.models
        students = self.summary.students
        exact = [row for row in students if row.row == self.loss]
        return exact or [row for row in students if row.loss == self.loss]


@click.command(
    name="compare",
    epilog=options.examples(
        "kdbench compare fashion 830d                 # the latest run and an earlier one: see `kdbench runs fashion`",
        "kdbench compare fashion teaching-fashion     # two suites",
        "kdbench compare fashion:kd fashion:fitnet    # two losses",
        "kdbench compare fashion fashion --against other/results",
    ),
)
@click.argument("a", shell_complete=complete.stored_suites)
@click.argument("b", shell_complete=complete.stored_suites)
@options.results_option
@click.option("--against", type=click.Path(path_type=Path, file_okay=False), help="Folder of the records of B.")
@options.json_option
def command(a: str, b: str, results: Path, against: Path | None, as_json: bool) -> None:
    """Compare two suites, runs or losses: what changed in suite, packages, machine and figures.

    A and B are each a suite (its latest run), a part of one, the id of a run, or one of these with a loss after a
    colon. Accuracies are B minus A, paired by seed and, on the same data, by test sample.
    """
    from kdbench.analyze.comparisons.changes import machine_changes, package_changes, suite_changes
    from kdbench.spec import UserError

    first, second = _side(a, results), _side(b, against or results)
    changes = {
        "suite": suite_changes(*(side.summary.suite.model_dump(mode="json") for side in (first, second))),
        "packages": package_changes(first.run.machine, second.run.machine),
        "machine": machine_changes(first.run.machine, second.run.machine),
    }
    rows = _compared(first, second)
    if (first.loss or second.loss) and not rows:
        raise UserError(f"'{a}' and '{b}' have no pair in common", help="`kdbench show SUITE` lists pairs and losses")
    if as_json:
        found: dict[str, Any] = {name: [asdict(each) for each in listed] for name, listed in changes.items()}
        found["runs"] = [first.run.run_id, second.run.run_id]
        click.echo(json.dumps({**found, "rows": [_figures(row) for row in rows]}, indent=1))
        return
    for name, side in (("A", first), ("B", second)):
        loss = f", {side.loss}" if side.loss else ""
        click.echo(f"{name}: {side.run.name}{loss}, run {side.run.run_id}")
    for title, listed in changes.items():
        click.echo("\n".join(("", title, *_lines(listed))))
    click.echo("\n".join(("", "test top-1", *_table(rows), *_alone(first, second, rows))))


def _side(text: str, results: Path) -> Side:
    """The side that is meant: as much of the text as names a run, and the loss after the colon that follows."""
    from kdbench.analyze import summarize
    from kdbench.cli.telling.ending import tell_lost
    from kdbench.results import Store, load_run
    from kdbench.results.runs.chosen import find_run
    from kdbench.spec import UserError, nearest

    store = Store(results)
    parts = text.split(":")
    names = [":".join(parts[:count]) for count in range(len(parts), 0, -1)]
    found = next(((name, run) for name in names if (run := find_run(store, name))), None)
    if found is None:
        text = f"'{text}' is no suite and no run in '{results}'"
        raise UserError(text, help=nearest(names[-1], store.suites()) + "; `kdbench runs SUITE` lists runs")
    name, run = found
    records = load_run(store, run)
    tell_lost(records)
    side = Side(run, summarize(records), text[len(name) + 1 :])
    if side.loss and not side.rows:
        losses = {row.row for row in side.summary.students}
        raise UserError(f"'{run.name}' has no result of '{side.loss}'", help=nearest(side.loss, losses))
    return side


def _compared(first: Side, second: Side) -> Sequence["ComparedRow"]:
    """Rows of one name; where losses are named, those of one pair, and of one way of teaching if there are several."""
    from kdbench.analyze.comparisons.changes import compare_row, compare_rows

    same = first.summary.suite.data.dataset == second.summary.suite.data.dataset
    if not first.loss and not second.loss:
        return compare_rows(first.rows, second.rows, same_test=same)
    several = any(side.loss and row.row != side.loss for side in (first, second) for row in side.rows)

    def alike(one: "ModelRow", other: "ModelRow") -> bool:
        how = [(row.teaching, row.budget, row.tuned) for row in (one, other)]
        return one.pair == other.pair and (not several or how[0] == how[1])

    pairs = [(one, other) for other in second.rows for one in first.rows if alike(one, other)]
    return [compare_row(one, other, same_test=same) for one, other in pairs]


def _lines(changes: Sequence["Change"]) -> list[str]:
    from kdbench.spec.errors import as_toml

    def shown(value: object) -> str:
        return "-" if value is None else as_toml(value)

    told = [(each.what, shown(each.before), shown(each.after)) for each in changes]
    width = max((len(what) for what, *_ in told), default=0)
    return [f"  {what:{width}}  {before} -> {after}" for what, before, after in told] or ["  the same"]


def _table(rows: Sequence["ComparedRow"]) -> Iterator[str]:
    from kdbench.analyze.decisions.wording import judged, percent

    names = [_name(row) for row in rows]
    width = max(map(len, names), default=0)
    for name, row in zip(names, rows, strict=True):
        means = " -> ".join(map(percent, row.means))
        cost = "" if row.cost is None else f"  {row.cost:.2f} x training"
        size = row.before.onnx_bytes, row.after.onnx_bytes
        smaller = f"  {size[0]:,} -> {size[1]:,} bytes" if size[0] != size[1] else ""
        yield f"  {name:{width}}  {means}  {judged(row.difference)}{cost}{smaller}"


def _name(row: "ComparedRow") -> str:
    who = [row.after.pair, "teacher"] if row.after.role == "teacher" else [row.after.pair, row.after.row]
    return " / ".join(who) if row.before.row == row.after.row else f"{row.after.pair} / {row.before.row} -> {who[1]}"


def _alone(first: Side, second: Side, rows: Sequence["ComparedRow"]) -> Iterator[str]:
    """Rows that one side alone has."""
    from kdbench.analyze.decisions.wording import listed

    for name, side, both in (
        ("A", first, {row.before.name for row in rows}),
        ("B", second, {row.after.name for row in rows}),
    ):
        if only := [f"{row.pair} / {row.row}" for row in side.rows if row.name not in both]:
            yield f"  only in {name}: {listed(only, 8, '; ')}"


def _figures(row: "ComparedRow") -> dict[str, object]:
    found = row.difference.estimate if row.difference else None
    first, second = row.means
    interval = [found.interval.low, found.interval.high] if found and found.interval else None
    return {
        "pair": row.after.pair,
        "role": row.after.role,
        "before": {"row": row.before.row, "top1": first, "onnx_bytes": row.before.onnx_bytes},
        "after": {"row": row.after.row, "top1": second, "onnx_bytes": row.after.onnx_bytes},
        "seeds": list(row.difference.seeds) if row.difference else [],
        "difference": found.mean if found else None,
        "interval": interval,
        "training_cost": row.cost,
    }
