"""`python -m benchmarks.selftest`: how often a check is wrong on this machine, alone and beside a busy process.

`results/benchmarks/selftest.json` is an array of what `kdbench selftest --json` prints; `docs/method.md` shows it.
"""

import json
import subprocess
import sys
import textwrap
from collections.abc import Sequence

from benchmarks.harness import Content, figures_file
from benchmarks.presentation import Tables, markdown
from kdbench.report.selftest import bounds
from kdbench.results.selftest import Judged, SelfTest
from kdbench.results.store import write_whole

TRIALS = 300
BUSY = (0, 1)  # processes beside a run


def verdicts(_: Content) -> str:
    """Every rule's wrong verdicts, a column for each run; the rows are those of the first, which tried most."""
    runs = _stored()
    head = ("verdicts of", "truth", "goal", *(part for run in runs for part in (f"wrong, {_beside(run)}", "effort")))
    found = [{(each.rule, each.truth): each for each in run.judged} for run in runs]
    return markdown(head, [_row([run.get(row) for run in found]) for row in (found[0] if found else ())])


def circumstances(_: Content) -> str:
    """Of each run a sentence: how long it took, where, and the ratios that were found."""
    return "\n".join(textwrap.fill(_sentence(run), 120, subsequent_indent="  ") for run in _stored())


def _stored() -> list[SelfTest]:
    file = figures_file("selftest")
    return [SelfTest.model_validate(run) for run in json.loads(file.read_text("utf-8"))] if file.is_file() else []


def _beside(run: SelfTest) -> str:
    return f"beside {run.busy} busy process{'es' * (run.busy > 1)}" if run.busy else "alone"


def _row(runs: Sequence[Judged | None]) -> tuple[str, ...]:
    first = next(filter(None, runs))
    goal = "-" if first.goal is None else f"≤ {100 * first.goal:g} %"
    truth = f"{first.truth}, to be found" if first.regressed else first.truth
    cells = ((_wrong(run), _effort(run)) if run else ("not tried", "-") for run in runs)
    return (first.rule, truth, goal, *(cell for pair in cells for cell in pair))


def _wrong(judged: Judged) -> str:
    """`4 of 60 (≤ 14.6 %), 4 undecided`: the bound is of the share, one-sided, at 95 %."""
    undecided = f", {judged.undecided} undecided" if judged.undecided else ""
    return f"{judged.wrong} of {judged.trials} (≤ {100 * bounds(judged)[1]:.1f} %){undecided}"


def _effort(judged: Judged) -> str:
    return "-" if judged.effort is None else f"{judged.effort:.1f} {'rounds' if judged.gate == 'latency' else 'seeds'}"


def _sentence(run: SelfTest) -> str:
    ratios = ", ".join(f"x{each.observed:.3f} ({each.truth})" for each in run.judged if each.observed)
    facts, load = run.machine, run.machine["load_average"]
    before = f"{load[0]:.1f}" if isinstance(load, list) else "unknown"
    return (
        f"- *{_beside(run).capitalize()}*: {run.seconds / 60:.0f} min on {facts['cpu']}, load average {before} before, "
        f"kdbench at commit {facts['kdbench_commit']}. Ratios over all trials: {ratios}."
    )


def _measure(busy: int) -> dict[str, object]:
    command = [sys.executable, "-m", "kdbench", "selftest", "--aa", str(TRIALS), "--busy", str(busy), "--json"]
    printed = subprocess.run(command, stdout=subprocess.PIPE, check=False).stdout  # code 1: a goal is missed
    return SelfTest.model_validate_json(printed).model_dump(mode="json")


TABLES: Tables = {"selftest": verdicts, "selftest-runs": circumstances}

if __name__ == "__main__":
    write_whole(figures_file("selftest"), json.dumps([_measure(busy) for busy in BUSY], indent=1) + "\n")
