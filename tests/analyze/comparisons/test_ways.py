"""Rows of swept ways of teaching, gathered by setting."""

from collections.abc import Callable
from dataclasses import replace

from pydantic import JsonValue

from kdbench.analyze import summarize
from kdbench.analyze.comparisons.ways import swept_ways
from kdbench.results import ResultSet
from kdbench.spec.suite import SweptChoice
from tests.records import Shape, make_results

SHARES = (0.1, 1.0)
# What was trained under the losses at the left stands for the loss at the right, under the setting of this number.
ROWS = {"kd": ("kd", 0), "nkd": ("kd", 1), "dkd": ("cross_entropy", 0), "dist": ("cross_entropy", 1)}


def levels(pair: int, row: str, seed: int) -> float:
    found = {"kd": 0.80, "nkd": 0.92, "dkd": 0.70, "dist": 0.91, "cross_entropy": 0.91}.get(row, 0.95)
    return found + 0.001 * ((seed + len(row)) % 3)


def under_settings(
    use: str = "single",
    values: tuple[JsonValue, JsonValue] = SHARES,
    accuracy: Callable[[int, str, int], float] = levels,
) -> ResultSet:
    """`kd` and the student alone under two settings of a way of teaching, beside the plain student."""
    results = make_results(Shape(seeds=5, losses=("cross_entropy", *ROWS), accuracy=accuracy))
    ways = [
        SweptChoice(
            use=use, options={"share": value}, name=f"half(share={value})", sweep="half", settings={"share": value}
        )
        for value in values
    ]
    suite = results.run.suite | {
        "losses": [{"use": loss, "name": loss} for loss in ("cross_entropy", "kd")],
        "teaching": [way.model_dump(mode="json") for way in ways],
    }
    entries = tuple(
        entry.model_copy(update={"loss": ROWS[entry.loss][0], "teaching": ways[ROWS[entry.loss][1]].label})
        if entry.loss in ROWS
        else entry
        for entry in results.run.entries
    )
    return replace(results, run=results.run.model_copy(update={"suite": suite, "entries": entries}))


def test_each_loss_has_its_rows_by_setting() -> None:
    summary = summarize(under_settings())
    (way,) = swept_ways(summary.pairs[0], summary.suite)
    assert (way.name, way.keys, way.values("share")) == ("half", ("share",), SHARES)
    assert [(loss.name, loss.alone) for loss in way.losses] == [("kd", False), ("cross_entropy", True)]
    kd, alone = way.losses
    assert [settings["share"] for settings, _ in kd.rows] == [0.1, 1.0]
    for (_, row), (_, rival) in zip(kd.rows, alone.rows, strict=True):
        assert row.gain is not None
        assert abs(row.gain.estimate.mean - (row.top1.mean - rival.top1.mean)) < 1e-9


def test_ways_that_are_not_swept_have_none() -> None:
    summary = summarize(make_results(Shape(teaching=("single", "ensemble"))))
    assert swept_ways(summary.pairs[0], summary.suite) == ()
