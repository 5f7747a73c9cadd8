"""Tables and images of the documents, and their places in a page.

A generated part of a page stands between `<!-- table: NAME -->` and `<!-- end -->`. What stands outside of these
markers is written by hand.
"""

import re
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence

from benchmarks.harness import Content
from kdbench.statistics.intervals import Estimate

MARKED = re.compile(r"(<!-- table: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_NUMBER = re.compile(r"[≤≥ -]*[\d.,]+[ %*]*(to [\d.,]+ %|\([^)]*\))?|-|")  # with a unit, a range or an interval
Tables = Mapping[str, Callable[[Content], str]]  # by name; "" where there is nothing to show


def fill(page: str, tables: Tables, content: Content, command: str) -> str:
    """The page with every generated part written anew; `command` is what measures a table that has no figures.

    Raises `KeyError` for a table that is not among `tables`.
    """
    missing = f"Not measured yet: `{command}`."
    return MARKED.sub(lambda found: f"{found[1]}{tables[found[2]](content) or missing}\n{found[3]}", page)


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table, or "" without rows. Columns of numbers are aligned to the right."""
    rows = list(rows)
    if not rows:
        return ""
    signs = ["---:" if all(_NUMBER.fullmatch(row[i]) for row in rows) else "---" for i in range(len(head))]
    lines = [f"| {' | '.join(head)} |", f"|{'|'.join(signs)}|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def measured_on(content: Content) -> str:
    """On which machine, with which packages and at which commits the figures were measured."""
    if not content["units"]:
        return ""
    facts, units = content["machine"], content["units"].values()
    versions = {
        **{name: facts["versions"].get(name) for name in ("torch", "torchvision")},
        **content.get("versions", {}),
    }
    packages = ", ".join(f"{name} {version}" for name, version in sorted(versions.items()) if version)
    commits = ", ".join(sorted({unit["kdbench_commit"] or "unknown" for unit in units}))
    loads = [unit["load_average"][0] for unit in units]
    virtual = ", virtual" if facts.get("hypervisor") else ""
    text = (
        f"Measured on {facts['cpu']} ({len(facts['affinity'])} cores in use{virtual}) with Python {facts['python']}, "
        f"{packages}; kdbench at commit {commits}; load average {min(loads):.1f} to {max(loads):.1f} before a unit."
    )
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False)


def with_interval(values: Estimate, scale: float, digits: int) -> str:
    """The mean and its 95 % interval."""
    mean = f"{scale * values.mean:.{digits}f}"
    if values.interval is None:
        return mean
    return f"{mean} ({scale * values.interval.low:.{digits}f} to {scale * values.interval.high:.{digits}f})"
