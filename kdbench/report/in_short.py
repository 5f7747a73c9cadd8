"""A report in at most four thousand bytes of Markdown, for a pull request's comment or the summary of a job."""

from dataclasses import replace

from kdbench.analyze import Recommendation, Summary
from kdbench.report.writing.fitting import first_rows
from kdbench.report.writing.markdown import markdown_table, markdown_text
from kdbench.report.writing.series import shorten
from kdbench.report.writing.tables import Cell, Column, Table

MOST_BYTES = 4000
MOST_ROWS = 8
HEADS = ("Loss", "Verdict", "Gain", "Top-1", "Latency p50")


def in_short(summary: Summary, recommendation: Recommendation, ranking: Table) -> str:
    """The headline, the best rows, what else was told as far as it fits, and where the whole report is."""
    lines = [f"**{markdown_text(recommendation.headline)}.** {markdown_text(recommendation.reason)}", ""]
    if ranking.rows:
        lines += [markdown_table(_few(ranking, recommendation)), ""]
    end = f"Suite {markdown_text(shorten(summary.suite.name))}: [report](report.md), [page](index.html)"
    for text in (*recommendation.gives_up, *recommendation.caveats, *recommendation.groups):
        line = f"- {markdown_text(text)}"
        if len("\n".join([*lines, line, "", end, ""]).encode()) <= MOST_BYTES:
            lines.append(line)
    return "\n".join([*lines, "", end, ""])


def _few(ranking: Table, recommendation: Recommendation) -> Table:
    """The columns of `HEADS` and the best rows, among them the one that the answer is about."""
    kept = _columns(ranking.columns)
    rows = list(ranking.rows)
    student = recommendation.student
    place = next((at for at, row in enumerate(rows) if student and row[0].of == student.name), 0)
    if place >= MOST_ROWS:
        rows.insert(MOST_ROWS - 1, rows.pop(place))
    cells = tuple(tuple(_short(row[at]) for at in kept) for row in rows)
    columns = tuple(ranking.columns[at] for at in kept)
    return first_rows(replace(ranking, columns=columns, rows=cells, notes=()), MOST_ROWS)


def _columns(columns: tuple[Column, ...]) -> list[int]:
    """The first column of each heading."""
    heads = [column.head for column in columns]
    return [heads.index(head) for head in HEADS if head in heads]


def _short(cell: Cell) -> Cell:
    return replace(cell, text=shorten(cell.text), sub=shorten(cell.sub))
