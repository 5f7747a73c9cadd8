"""The generated parts of `docs/teaching.md`: from docstrings, suite files, plans and published records."""

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from benchmarks.harness import Content
from benchmarks.losses.docstrings import Docstring, allowed, default, linked, parse
from benchmarks.presentation import Tables, markdown
from benchmarks.teaching.graph import diagram
from kdbench import api
from kdbench.analyze import StudentRow, Summary, recommend, summarize
from kdbench.analyze.decisions.wording import percent, points, points_interval, several
from kdbench.cli.restrict import restrict
from kdbench.results import Store
from kdbench.results.result_set import load_suite_results
from kdbench.spec import Signature, Suite
from kdbench.spec.planning.entry import SINGLE
from kdbench.spec.reading.library import suites
from kdbench.zoo.catalog import Catalog

PUBLISHED, REPORTS = Path("results/published"), Path("reports")
MOST = 12  # rows of a result; of more only the best and the worst are shown
# What the documents describe, with the suites that run it, in the order of the page.
SUBJECTS: Mapping[str, tuple[str, ...]] = {
    "Ensembles": ("ensemble", "teaching-digits", "teaching-fashion"),
    "Generations": ("generations",),
    "Assistants": ("assistants",),
    "Peers": ("peers",),
    "A network that teaches itself": ("self",),
    "Scarce data": ("scarce",),
    "Hints": ("hints",),
    "Denoising": ("denoising", "noisy-student"),
    "Several tasks": ("multitask", "multitask-digits"),
    "A stream of tasks": ("stream",),
    "Transfer": ("transfer",),
    "Federated": ("federated",),
    "Robust students": ("robust",),
    "Adaptive losses": ("adaptive",),
    "Efficiency": ("efficiency",),
    "The articles' recipes": ("articles-mnist", "articles-cifar10", "articles-epochs", "articles-agreement"),
}


@dataclass(frozen=True)
class Way:
    """A way of teaching as its docstring tells it."""

    signature: Signature
    doc: Docstring


@cache
def known_suites() -> Mapping[str, Suite]:
    """The shipped suites of the page, by name."""
    named = [name for names in SUBJECTS.values() for name in names]
    return {name: api.load_suite(name) for name in named if name in suites()}


@cache
def result(name: str) -> Summary | None:
    """The published run of a suite; None where there is none."""
    store = Store(PUBLISHED)
    return summarize(load_suite_results(store, name)) if name in store.suites() else None


def ways_of(suite: Suite) -> tuple[Way, ...]:
    """The ways of teaching that a suite uses, but for the usual one."""
    catalog = Catalog()
    names = dict.fromkeys(way.use for way in suite.teaching if way.use != SINGLE)
    signatures = (catalog.signature("teaching", name) for name in names)
    return tuple(Way(signature, parse(signature.doc)) for signature in signatures)


def overview(content: Content) -> str:  # noqa: ARG001 - nothing here is measured by a benchmark
    """One line for each subject."""
    rows = []
    for subject, names in SUBJECTS.items():
        found = [name for name in names if name in known_suites()]
        ways = dict.fromkeys(way.signature.use for name in found for way in ways_of(known_suites()[name]))
        anchor = subject.lower().replace("'", "").replace(" ", "-")
        runs = [name for name in found if result(name)]
        rows.append(
            (
                f"[{subject}](#{anchor})",
                ", ".join(f"`{way}`" for way in ways) or "losses",
                ", ".join(f"`{name}`" for name in found) or "-",
                ", ".join(f"[{name}](../reports/{name}/report.md)" for name in runs) or "none yet",
            )
        )
    return markdown(("what", "way of teaching", "suite", "real run"), rows)


def sections(content: Content) -> str:  # noqa: ARG001 - likewise
    """Every subject that a shipped suite runs."""
    return "\n\n".join(block for subject, names in SUBJECTS.items() for block in _section(subject, names))


def _section(subject: str, names: tuple[str, ...]) -> Iterator[str]:
    found = [known_suites()[name] for name in names if name in known_suites()]
    if not found:
        return
    yield f"## {subject}"
    told: set[str] = set()
    for suite in found:
        for way in ways_of(suite):
            if way.signature.use not in told:
                told.add(way.signature.use)
                yield from _way(way, suite)
    for suite in found:
        yield from _run(suite)


def _way(way: Way, suite: Suite) -> Iterator[str]:
    """Idea, formula, options, graph and paper."""
    doc = way.doc
    yield f"### `{way.signature.use}`"
    yield _prose(doc.summary)
    if doc.notes:
        yield _prose(doc.notes)
    if formula := doc.sections.get("Formula"):
        yield f"```text\n{textwrap.fill(formula, 110, break_on_hyphens=False)}\n```"
    yield _graph(way, suite)
    options = [
        (f"`{one.name}`", _prose(allowed(one)).replace("|", r"\|"), _prose(default(one)).replace("|", r"\|"))
        for one in way.signature.options
    ]
    if options:
        yield markdown(("option", "allowed", "default"), options)
    told = {name: doc.sections[name] for name in ("Raises", "Source", "Differs") if doc.sections.get(name)}
    yield "\n".join(f"- **{name}**: {_prose(linked(text))}" for name, text in told.items())


def _graph(way: Way, suite: Suite) -> str:
    """The trials behind the first row under this way."""
    small = restrict(suite, Catalog(), seeds=1, pairs=[suite.pairs[0].label]).model_copy(
        update={"teaching": tuple(each for each in suite.teaching if each.use == way.signature.use)[:1]}
    )
    plan = api.plan(small)
    rows = [entry for entry in plan.entries if entry.role == "student" and entry.teaching]
    taught = [entry for entry in rows if plan.trials[entry.key].teachers]
    return diagram(plan, (taught or rows)[0])


def _run(suite: Suite) -> Iterator[str]:
    """A suite, and what its published run found."""
    yield f"### Run `{suite.name}`"
    yield f"{suite.description}. `kdbench run {suite.name}`."
    summary = result(suite.name)
    if summary is None:
        yield "No run of it is published yet."
        return
    found = recommend(summary)
    yield f"[Report](../reports/{suite.name}/report.md). {_prose(f'{found.headline}. {found.reason}')}"
    rows = [row for row in summary.students if row.budget == 1]
    shown = rows if len(rows) <= MOST else _ends(rows)
    left = len(rows) - len(shown)
    several_pairs = len(summary.pairs) > 1
    head = ("row", "top-1", "gain at equal epochs", "verdict", "seeds")
    table = markdown(head, [_row(row, several_pairs=several_pairs) for row in shown])
    yield table + (f"\n\n{several(left, 'row')} between them not shown here." if left else "")


def _ends(rows: list[StudentRow]) -> list[StudentRow]:
    """The best and the worst on test, in order."""
    falling = sorted(rows, key=lambda row: -row.top1.mean)
    half = MOST // 2
    return [*falling[:half], *falling[-half:]]


def _row(row: StudentRow, *, several_pairs: bool) -> tuple[str, ...]:
    gain = row.gains.get("epochs")
    name = f"{row.pair}: {row.row}" if several_pairs else row.row
    shown = "-"
    if gain:
        interval = points_interval(gain.difference.estimate.interval)
        shown = points(gain.difference.estimate.mean) + (f" ({interval})" if interval else "")
    word = "-" if gain is None else gain.verdict if gain.difference.claims else "no claim"
    return f"`{name}`", percent(row.top1.mean), shown, word, f"{len(row.seeds)}"


def _prose(text: str) -> str:
    """Text whose stars and brackets are not Markdown's."""
    return text.replace("*", r"\*").replace("<", r"\<")


TABLES: Tables = {"overview": overview, "ways": sections}
