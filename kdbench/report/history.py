"""The history of a suite's checks: a page, Markdown, and lines for a terminal."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from kdbench.analyze.decisions.wording import several
from kdbench.analyze.history import Series
from kdbench.report.sections.history import (
    history_section,
    name_of,
    say_allowed,
    say_change,
    say_value,
    when,
    word_of,
)
from kdbench.report.shell import shell, templates
from kdbench.report.writing.fitting import MARKDOWN_BYTES, fit
from kdbench.results.baselines.checks import CheckRecord
from kdbench.results.store import write_whole

TICKS = "▁▂▃▄▅▆▇█"


def render_history(checks: Sequence[CheckRecord], found: Sequence[Series], folder: Path) -> tuple[Path, Path]:
    """Write `history.html` and `history.md` with their plots into a folder; returns both paths."""
    section = history_section(found)
    content = {
        "title": f"Checks of {checks[0].suite}",
        "description": headline(checks, found),
        "sections": [section],
        "terms": section.terms,
        "shell": shell(),
        "links": {},
        "numbers": {},
        "data": {"suite": checks[0].suite, "rows": []},
    }
    html, markdown = folder / "history.html", folder / "history.md"
    for image in section.images:
        write_whole(folder / f"{image.name}.svg", image.file)
    write_whole(html, templates(html=True).get_template("across.html.j2").render(content))
    page = templates(html=False).get_template("across.md.j2").render(content, parts=fit([section], MARKDOWN_BYTES))
    write_whole(markdown, page.replace("](index.html", "](history.html"))
    return html, markdown


def headline(checks: Sequence[CheckRecord], found: Sequence[Series]) -> str:
    """How many checks, and how many figures became worse."""
    days = " to ".join(dict.fromkeys((checks[0].checked[:10], checks[-1].checked[:10])))
    start = f"{several(len(checks), 'check')} of '{checks[0].suite}', {days}"
    drifted = sum(series.beyond for series in found)
    worse = sum(series.worse for series in found) - drifted
    regressed = sum(series.regressed for series in found)
    told = [f"the latest check regressed {several(regressed, 'figure')}"] if regressed else []
    told += [f"{several(drifted, 'figure')} worse by more than one check lets pass"] if drifted else []
    told += [f"{several(worse, 'figure')} worse by less"] if worse else []
    return f"{start}: {', '.join(told) or 'no figure is shown to be worse than at first'}."


def history_lines(checks: Sequence[CheckRecord], found: Sequence[Series]) -> Iterator[str]:
    """The headline, then each figure that regressed or moved with its changes, then the numbers of all others."""
    yield headline(checks, found)
    others = [series for series in found if len(series.levels) == 1 and not series.regressed]
    for series in (each for each in found if each not in others):
        ends = (say_value(series.kind, point.value) for point in (series.points[0], series.points[-1]))
        yield ""
        yield f"{name_of(series)}: {word_of(series)}"
        yield f"  {next(ends)} {sparkline([point.value for point in series.points])} {next(ends)}"
        since = f"{say_change(series)} since the first check; " if len(series.levels) > 1 else ""
        yield f"  {since}one check lets {say_allowed(series)} pass"
        for before, after in zip(series.levels, series.levels[1:], strict=False):
            change = " -> ".join(say_value(series.kind, level.mean) for level in (before, after))
            yield f"  {change} at {when(after.points[0])}"
    if others:
        yield ""
    for word, figures in sorted(Counter(map(word_of, others)).items()):
        yield f"{word}: {several(figures, 'figure')}"


def sparkline(values: Sequence[float], most: int = 60) -> str:
    """The last values as bars from the lowest to the highest."""
    shown = values[-most:]
    low, high = min(shown), max(shown)
    return "".join(TICKS[round((len(TICKS) - 1) * ((value - low) / (high - low or 1)))] for value in shown)
