"""`python -m benchmarks.engine.document`: write the tables of `docs/performance.md` from the raw figures.

A table stands between `<!-- table: NAME -->` and `<!-- end -->`; nothing in between is written by hand.
"""

import argparse
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

from benchmarks.engine import analysis, findings, tables
from benchmarks.engine.figures import FOLDER
from benchmarks.engine.findings import Content
from benchmarks.engine.plots import NETWORKS, SCENARIOS, WAYS, read

PAGE = Path("docs/performance.md")
COMMANDS = {
    "engine": "python -m benchmarks.engine.compare",
    "scaling": "python -m benchmarks.engine.scaling",
    "breakdown": "python -m benchmarks.engine.breakdown",
}
MARKED = re.compile(r"(<!-- table: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
Render = Callable[[Content], str]


def fill(page: str, figures: Mapping[str, Content]) -> str:
    """The page with every marked table written anew. Raises `KeyError` for a table that nobody knows."""
    return MARKED.sub(lambda found: f"{found[1]}{table(found[2], figures)}\n{found[3]}", page)


def table(name: str, figures: Mapping[str, Content]) -> str:
    source, render = TABLES[name]
    if source == "all":
        return render(dict(figures)) or "Not measured yet."
    text = render(figures[source]) if source in figures else ""
    return text or f"Not measured yet: `{COMMANDS[source]}`."


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    rows = list(rows)
    signs = ["---:" if rows and all(row[i][:1].isdigit() for row in rows) else "---" for i in range(len(head))]
    lines = [f"| {' | '.join(head)} |", f"|{'|'.join(signs)}|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def environment(figures: Content) -> str:
    """Where each file was measured."""
    rows = []
    for name, content in figures.items():
        facts = content["environment"]
        versions = {**facts["versions"], **content.get("versions", {})}
        shown = ", ".join(f"{p} {versions[p]}" for p in ("torch", "torchvision", "torchdistill") if versions.get(p))
        machine = f"{facts['cpu']}, {len(facts['affinity'])} cores in use"
        commits = sorted({unit["kdbench_commit"] or "unknown" for unit in content["units"].values()})
        loads = [unit["load_average"][0] for unit in content["units"].values()]
        load = f"{min(loads):.1f} to {max(loads):.1f}" if loads else ""
        rows.append((f"`{name}.json`", machine, shown, f"Python {facts['python']}", ", ".join(commits), load))
    head = ("figures", "machine", "packages", "Python", "kdbench at commit", "load before a unit")
    return markdown(head, rows) if rows else ""


def scenario(name: str, content: Content) -> str:
    """The other program's tables of one scenario, without its heading."""
    if not analysis.units_by_arm(content, name):
        return ""
    one = {**content, "scenarios": {name: content["scenarios"][name]}}
    return tables.render(one).partition(f"### {name}\n\n")[2].strip()


def growth(axis: str, content: Content) -> str:
    """Cost along one axis."""
    rows = []
    for views in findings.views_measured(content):
        for value, cost in findings.growth(content, axis, views).items():
            ideals = (s / cost.processes for s in (cost.training, cost.own, cost.alone))
            seconds = (cost.seconds, cost.waves, *ideals, cost.cpu)
            label = _teacher(content, value) if axis == "teacher" else str(value)
            rows.append((f"{label}, {views}", *(f"{s:.1f}" for s in seconds)))
    head = (
        f"{axis}, views",
        "command, s",
        "waves of training, s",
        "training, s",
        "own steps alone, s",
        "each student alone, s",
        "CPU of the command, s",
    )
    return markdown(head, rows) if rows else ""


def _teacher(content: Content, times: int) -> str:
    known = content["teachers"][str(times)]
    return f"x{known['times']:.2f} (width {known['width']})"


def added(content: Content) -> str:
    """A loss added to a finished sweep."""
    rows = []
    for views in findings.views_measured(content):
        if (one := findings.added(content, views)) is None:
            continue
        own = f"{100 * one.own / one.waves_cpu:.0f} %"
        seconds = (one.command, one.nothing, one.waves, one.waves_cpu, one.own, one.shared, one.rest)
        rows.append((views, *(f"{s:.1f}" for s in seconds), own))
    head = (
        "views",
        "command, s",
        "with nothing to do, s",
        "waves, s",
        "CPU of the waves, s",
        "its own steps, CPU s",
        "data and teacher, s",
        "export, parity, test, start, s",
        "own steps of the CPU",
    )
    return markdown(head, rows) if rows else ""


def step(content: Content) -> str:
    """A step by phase, in ms."""
    rows = []
    for name, label in NETWORKS.items():
        if (unit := content["units"].get(f"step/{name}")) is None:
            continue
        one = findings.step(unit)
        for way, text in WAYS.items():
            phases = one.live if way == "live" else one.cached
            values = [f"{1e3 * phases[phase]:.2f}" for phase in findings.PHASES]
            rows.append((f"{label}, {text}", *values, f"{1e3 * sum(phases.values()):.1f}"))
    return markdown(("ms a step, trained alone", *findings.PHASES, "in all"), rows) if rows else ""


def bounds(content: Content) -> str:
    """A student's own step against what its arithmetic needs."""
    rows = []
    for name, label in NETWORKS.items():
        if (unit := content["units"].get(f"step/{name}")) is None:
            continue
        one = findings.step(unit)
        shares = [f"{1e3 * one.bounds[b]:.1f} ({100 * one.bounds[b] / one.own:.0f} %)" for b in ("matmul", "kernels")]
        arithmetic = f"{one.flops / 1e9:.2f}", f"{one.matmul_rate / 1e9:.0f}"
        rows.append(
            (label, *arithmetic, f"{one.flops / one.bounds['kernels'] / 1e9:.0f}", *shares, f"{1e3 * one.own:.1f}")
        )
    head = (
        "network",
        "GFLOP a step",
        "matmul, GFLOP/s",
        "own kernels, GFLOP/s",
        "bound by matmul, ms",
        "bound by own kernels, ms",
        "own step, ms",
    )
    return markdown(head, rows) if rows else ""


def kernels(content: Content) -> str:
    """The kernels of the small network, one by one."""
    if (unit := content["units"].get("step/cnn")) is None:
        return ""
    one = findings.step(unit)
    return markdown(("kernel", "ms"), [(name, f"{1e3 * seconds:.2f}") for name, seconds in one.kernels.items()])


def shares(content: Content) -> str:
    """Where the processors' time of a real run went."""
    found = {
        unit_id.partition("/")[2]: findings.sweep_shares(unit)
        for unit_id, unit in content["units"].items()
        if unit_id.startswith("sweep/")
    }
    if not found:
        return ""
    names = list(next(iter(found.values())))
    rows = [(views, *(f"{100 * one[name]:.1f}" for name in names)) for views, one in found.items()]
    return markdown(("views", *(f"{name}, %" for name in names)), rows)


def goals(figures: Content) -> str:
    """Every goal with what was found. A ratio meets its goal where its whole interval does."""
    rows = []
    if engine := figures.get("engine"):
        for name, label in SCENARIOS.items():
            if not analysis.units_by_arm(engine, name):
                continue
            for ratio in (r for r in analysis.ratios(engine, name) if r.goal):
                ends = "one repeat" if ratio.low is None else f"{ratio.low:.2f} to {ratio.high:.2f}"
                met = "yes" if ratio.low is not None and ratio.low >= (ratio.goal or 0) else "no"
                goal = f"{label}: {ratio.goal:g} times as fast as {ratio.arm}"
                rows.append((goal, f"{ratio.times:.2f} ({ends}), {ratio.against}", met))
    if breakdown := figures.get("breakdown"):
        for name, label in NETWORKS.items():
            if (unit := breakdown["units"].get(f"step/{name}")) is None:
                continue
            one = findings.step(unit)
            for bound, text in (("kernels", "own kernels"), ("matmul", "matmul rate")):
                share = one.bounds[bound] / one.own
                goal = f"{label}: a step at {100 * findings.GOAL:.0f} % of the bound by {text}"
                rows.append((goal, f"{100 * share:.0f} %", "yes" if share >= findings.GOAL else "no"))
    if scaling := figures.get("scaling"):
        for views in findings.views_measured(scaling):
            if one := findings.added(scaling, views):
                found = f"{100 * one.own / one.waves_cpu:.0f} % of the added CPU time are its own steps"
                rows.append(
                    (f"a loss added to a finished sweep costs only its own steps ({views})", found, "see above")
                )
    return markdown(("goal", "found", "met"), rows) if rows else ""


TABLES: dict[str, tuple[str, Render]] = {
    "environment": ("all", environment),
    **{name: ("engine", partial(scenario, name)) for name in ("sweep", "spatial", "dominated", "accuracy")},
    **{f"growth-{axis}": ("scaling", partial(growth, axis)) for axis in ("losses", "seeds", "teacher", "data")},
    "added": ("scaling", added),
    "step": ("breakdown", step),
    "bounds": ("breakdown", bounds),
    "kernels": ("breakdown", kernels),
    "shares": ("breakdown", shares),
    "goals": ("all", goals),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--figures", type=Path, default=FOLDER, help="folder of the raw figures")
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--quick", action="store_true", help="print the page with the figures of trials; write nothing")
    given = parser.parse_args()
    page = fill(given.page.read_text("utf-8"), read(given.figures, given.quick))
    if given.quick:
        print(page)
    else:
        given.page.write_text(page, "utf-8")


if __name__ == "__main__":
    main()
