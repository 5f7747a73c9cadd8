"""The answer of a report for a terminal: headline, ranking, and what has no result."""

import textwrap
from collections.abc import Iterator, Sequence

from kdbench.analyze import Recommendation, Summary, recommend
from kdbench.analyze.decisions.wording import EQUAL
from kdbench.analyze.models.rows import StudentRow
from kdbench.report.writing import formats as f
from kdbench.report.writing.tables import headline_cell
from kdbench.results import RunRecord

ROWS = 10  # of the ranking, at most
FAILURES = 6  # kinds of them that are told
NARROWEST = 12  # characters of a name: for a longer one the interval gives way first
INTERVAL = "95 % interval"
HEADS = ("top-1", "gain", INTERVAL, "verdict", "latency")


def answer_text(summary: Summary, width: int) -> str:
    """The headline with its reason and groups, and the students ranked by gain, in lines of this width."""
    told = recommend(summary)
    reasons = (textwrap.fill(text, width) for text in (told.reason, *told.groups) if text)
    ranking = _ranking(summary, told.student, width) if summary.students else ()
    return "\n".join([told.headline, *reasons, "", *ranking]).rstrip()


def answer_record(found: Recommendation) -> dict[str, object]:
    """A recommendation as JSON."""
    row, variant = found.student, found.variant
    student = row and {
        "pair": row.pair,
        "model": row.model,
        "row": row.row,
        "variant": variant.variant if variant else "fp32",
        "teacher": found.teacher,
        "top1": (variant or row).top1.mean,
        "onnx_bytes": (variant or row).onnx_bytes,
        "parameters": row.parameters,
        "trials": [seed.key for seed in row.seeds],
    }
    return {
        "kind": found.kind,
        "headline": found.headline,
        "reason": found.reason,
        "groups": found.groups,
        "gives_up": found.gives_up,
        "alternatives": found.alternatives,
        "caveats": found.caveats,
        "student": student,
    }


def _ranking(summary: Summary, shipped: StudentRow | None, width: int) -> Iterator[str]:
    """At most ten rows, the greatest gain first; the student alone has none, and stands at 0.

    Trained for longer, it is what others are compared with, and stands last.
    """
    ranked = sorted(
        summary.students, key=lambda row: (row.alone and row.budget != 1, -(row.gain.estimate.mean if row.gain else 0))
    )
    shown = ranked[:ROWS]
    if shipped and shipped not in shown:
        shown = [*ranked[: ROWS - 1], shipped]
    several = len({row.pair for row in ranked}) > 1
    names = ["loss", *((f"{row.row} · {row.pair}" if several else row.row) for row in shown)]
    table = dict(zip(HEADS, zip(*(_cells(row) for row in shown), strict=True), strict=True))
    columns = {head: [head, *cells] for head, cells in table.items() if set(cells) - {f.NONE, ""}}
    planned = len(summary.suite.seeds)
    if any(len(row.seeds) < planned for row in shown):
        columns["seeds"] = ["seeds", *(f"{len(row.seeds)} of {planned}" for row in shown)]
    if _room(columns, width) < max(NARROWEST, *map(len, names)):
        columns.pop(INTERVAL, None)
    room = min(max(NARROWEST, _room(columns, width)), max(map(len, names)))
    for number, name in enumerate(names):
        cells = (f"{cells[number]:>{max(map(len, cells))}}" for cells in columns.values())
        yield "  ".join([_short(name, room).ljust(room), *cells])
    if more := len(ranked) - len(shown):
        yield f"and {f.several(more, 'more row')}: see the report"
    if equal := dict.fromkeys(EQUAL[row.headline.equal] for row in shown if row.headline):
        yield f"gain: points over the student alone at {' or '.join(equal)}"
    if any(row.unstable for row in summary.students):
        yield from textwrap.wrap("collapsed seeds stand in no top-1 and no gain: the two may be of unlike seeds", width)
    if "latency" in columns:
        yield "latency: of the student, as a share of its teacher's"


def _room(columns: dict[str, list[str]], width: int) -> int:
    """What is left of a line for names."""
    return width - sum(2 + max(map(len, cells)) for cells in columns.values())


def _short(name: str, room: int) -> str:
    """A name without its middle where it is too long: names of rows and pairs differ at their ends."""
    head = 2 * (room - 1) // 5
    return name if len(name) <= room else f"{name[:head]}…{name[head + 1 - room :]}"


def _cells(row: StudentRow) -> tuple[str, ...]:
    gain = row.gain.estimate if row.gain else None
    return (
        f.percent(row.top1.mean),
        f.points(gain.mean) if gain else f.NONE,
        _interval(row),
        "alone" if row.alone else headline_cell(row).text,
        f"{1 / row.speedup.estimate:.3f}" if row.speedup else f.NONE,
    )


def _interval(row: StudentRow) -> str:
    """Of the gain; where it holds every gain that there can be, how many seeds leave it unknown."""
    found = row.gain.estimate.interval if row.gain else None
    if row.gain and found and found.low <= -1 and found.high >= 1:
        return f"unknown ({f.several(len(row.gain.seeds), 'seed')})"
    return f.points_interval(found)


def failures_text(run: RunRecord) -> str:
    """What was skipped, or failed and should not have, those of one reason together; empty where there is nothing."""
    titles = {entry.key: f"{entry.title} · {entry.model}" for entry in reversed(run.entries)}
    found: dict[tuple[str, str], list[str]] = {}
    failed = run.failed
    for key, outcome in run.outcomes.items():
        if outcome.status == "skipped" or key in failed:
            found.setdefault((outcome.status, outcome.reason or "no reason was recorded"), []).append(key)
    lines = [
        f"{f.several(len(keys), 'trial')} {status}: {_names([titles.get(key, 'a step') for key in keys])}: {reason}"
        for (status, reason), keys in sorted(found.items())
    ]
    more = [f"and {len(lines) - FAILURES} more kinds: see the report"] if len(lines) > FAILURES else []
    return "\n".join([*lines[:FAILURES], *more])


def _names(titles: Sequence[str]) -> str:
    """The first three of them, each once."""
    names = list(dict.fromkeys(titles))
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more rows" if len(names) > 3 else "")
