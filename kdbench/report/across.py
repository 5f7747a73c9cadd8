"""Several suites together: the rows that their pairs have in common, as one page and as Markdown."""

from collections.abc import Sequence
from pathlib import Path

from kdbench.analyze import Summary
from kdbench.analyze.comparisons.across import AcrossRow, across_rows
from kdbench.analyze.decisions.wording import EQUAL, percent, points, points_interval, quoted, several
from kdbench.report.sections.comparisons.across import section_of
from kdbench.report.shell import shell, templates
from kdbench.report.writing.fitting import MARKDOWN_BYTES, fit
from kdbench.report.writing.looks import looks_of
from kdbench.results.store import write_whole
from kdbench.spec import UserError


def render_across(summaries: Sequence[Summary], reports: Path) -> tuple[Path, Path]:
    """Write `index.html` and `report.md` of all pairs of these suites into a folder of `reports`; returns both.

    Raises `UserError` where no row is in two pairs.
    """
    rows = across_rows([(summary.suite, pair) for summary in summaries for pair in summary.pairs])
    names = [summary.suite.name for summary in summaries]
    if not rows:
        raise UserError(
            f"no row is in two pairs of {quoted(names)} with a teacher: there is nothing to compare across them",
            help="name suites that have losses in common",
        )
    plain = [row for summary in summaries for row in summary.students if row.alone and not row.teaching]
    section = section_of(
        "All pairs together", rows, looks_of([row.row for row in rows], {row.row: row.budget for row in plain})
    )
    content = {
        "title": " and ".join(names),
        "description": headline(rows, names),
        "sections": [section],
        "terms": section.terms,
        "shell": shell(),
        "links": {},
        "numbers": {},
        "data": {"suite": "+".join(names), "rows": []},
    }
    folder = reports / "+".join(names)
    html, markdown = folder / "index.html", folder / "report.md"
    for image in section.images:
        write_whole(folder / f"{image.name}.svg", image.file)
    write_whole(html, templates(html=True).get_template("across.html.j2").render(content))
    write_whole(
        markdown,
        templates(html=False).get_template("across.md.j2").render(content, parts=fit([section], MARKDOWN_BYTES)),
    )
    return html, markdown


def headline(rows: Sequence[AcrossRow], names: Sequence[str]) -> str:
    """The row that keeps the most of its teachers' accuracy, of those that the most pairs have, and what it gains."""
    pairs = max(row.pairs for row in rows)
    best = max((row for row in rows if row.pairs == pairs), key=lambda row: row.retention.mean)
    kept = f"interquartile mean {percent(best.retention.mean)} of its teacher's accuracy"
    start = f"Over {several(pairs, 'pair')} of {quoted(names)}, '{best.row}' keeps the most: {kept}"
    if best.gain is None:
        return f"{start}. It is the student alone."
    interval = f" (95 % interval {points_interval(best.gain.interval)})" if best.gain.interval else ""
    gain = (
        f"the interquartile mean of its gains over the student alone at {EQUAL[best.equal]} is "
        f"{points(best.gain.mean)} points{interval}"
    )
    return f"{start}; {gain}, and it is better in {best.better} of {several(best.compared, 'pair')}."
