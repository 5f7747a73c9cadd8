"""`python -m benchmarks.fidelity.document`: write the tables of `docs/fidelity.md` from the raw figures.

A table stands between `<!-- table: NAME -->` and `<!-- end -->`; nothing in between is written by hand.
"""

import argparse
import json
from pathlib import Path

from benchmarks.engine.document import MARKED, markdown
from benchmarks.fidelity.__main__ import OUT, QUICK_OUT
from benchmarks.fidelity.analysis import Content, Ratio, ratios

PAGE = Path("docs/fidelity.md")


def fill(page: str, content: Content | None) -> str:
    """The page with every marked table written anew. Raises `KeyError` for a table that nobody knows."""
    return MARKED.sub(lambda found: f"{found[1]}{table(found[2], content)}\n{found[3]}", page)


def table(name: str, content: Content | None) -> str:
    render = {"environment": environment, "fidelity": fidelity}[name]
    return render(content) if content and content["units"] else "Not measured yet: `make bench-latency`."


def environment(content: Content) -> str:
    """Where it was measured."""
    facts = content["environment"]
    versions = ", ".join(f"{name} {number}" for name, number in content["versions"].items() if number)
    loads = [unit["load_average"][0] for unit in content["units"].values()]
    row = (
        f"{facts['cpu']}, {len(facts['affinity'])} cores in use" + ", virtual" * bool(facts["hypervisor"]),
        versions,
        ", ".join(sorted({unit["kdbench_commit"] or "unknown" for unit in content["units"].values()})),
        f"{min(loads):.1f} to {max(loads):.1f}",
    )
    return markdown(("machine", "packages", "kdbench at commit", "load before a unit"), [row])


def fidelity(content: Content) -> str:
    """Every ratio, with its spread over the repeats and its goal."""
    head = ("network", "ratio", "kdbench, us", "median", "least to most", "repeats", "goal", "met")
    rows = [
        (
            f"{one.network}: {content['networks'][one.network]}",
            one.what,
            f"{one.microseconds:.1f}",
            f"{one.median:.4f}",
            f"{min(one.values):.4f} to {max(one.values):.4f}",
            str(len(one.values)),
            _goal(one),
            one.met,
        )
        for one in ratios(content)
    ]
    return markdown(head, rows)


def _goal(ratio: Ratio) -> str:
    if ratio.high is None:
        return ""
    return f"{ratio.low:.2f} to {ratio.high:.2f}" if ratio.low else f"at most {ratio.high:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--figures", type=Path)
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--quick", action="store_true", help="print the page with the figures of trials; write nothing")
    given = parser.parse_args()
    figures = given.figures or (QUICK_OUT if given.quick else OUT)
    content = json.loads(figures.read_text("utf-8")) if figures.is_file() else None
    page = fill(given.page.read_text("utf-8"), content)
    if given.quick:
        print(page)
    else:
        given.page.write_text(page, "utf-8")


if __name__ == "__main__":
    main()
