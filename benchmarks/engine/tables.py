"""`python -m benchmarks.engine.tables [FILE]`: the figures as Markdown tables."""

import argparse
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from benchmarks.engine.analysis import MARGIN, Content, Ratio, accuracies, differences, ratios, speeds
from benchmarks.engine.compare import OUT
from kdbench.statistics.paired import Estimate, estimate


def render(content: Content) -> str:
    """All scenarios of a file."""
    facts, versions = content["environment"], content["versions"]
    used = ", ".join(f"{name} {number}" for name, number in versions.items())
    parts = [f"{facts['cpu']}, {facts['logical_cores']} cores; {used}; Python {facts['python']}."]
    for name, asked in content["scenarios"].items():
        parts.append(f"### {name}")
        parts.append(f"{len(asked['losses'])} losses x {asked['seeds']} seeds, {asked['epochs']} epochs.")
        if asked["timed"]:
            parts += ["\n".join(_speed_table(content, name)), "\n".join(_ratio_table(ratios(content, name)))]
            parts.append("\n".join(_accuracy_table(content, name)))
        else:
            parts += ["\n".join(_accuracy_table(content, name)), "\n".join(_difference_table(content, name))]
    return "\n\n".join(parts) + "\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)


def _speed_table(content: Content, scenario: str) -> Iterator[str]:
    head = ("side", "sweep, s", "units", "wall ms per student step", "ms per step in training", "peak memory, MB")
    rows = [
        (
            speed.arm,
            _spread(speed.seconds, 1, 1) + ("*" if speed.extrapolated else ""),
            str(len(speed.seconds.values)),
            f"{speed.wall_ms:.1f}",
            f"{speed.loop_ms:.1f}",
            f"{speed.peak_bytes / 1e6:,.0f}",
        )
        for speed in speeds(content, scenario)
    ]
    yield from _table(head, rows)
    yield ""
    yield "\\* a part of the seeds was measured; the sweep is extrapolated, its cost being linear in the seeds."


def _ratio_table(found: Sequence[Ratio]) -> Iterator[str]:
    rows = []
    for ratio in found:
        interval = "one repeat" if ratio.low is None else f"{ratio.low:.2f} to {ratio.high:.2f}"
        goal = f"{ratio.goal:g}" if ratio.goal else ""
        verdict = "" if not ratio.goal else "yes" if (ratio.low or 0.0) >= ratio.goal else "not shown"
        rows.append((ratio.against, ratio.arm, f"{ratio.times:.2f}", interval, str(ratio.repeats), goal, verdict))
    yield from _table(("faster", "than", "times", "95 % interval", "repeats", "goal", "interval above goal"), rows)


def _accuracy_table(content: Content, scenario: str) -> Iterator[str]:
    rows = [
        (use, arm, _spread(estimate(list(values.values())), 100, 2), str(len(values)))
        for use, by_arm in accuracies(content, scenario).items()
        for arm, values in by_arm.items()
    ]
    yield from _table(("loss", "side", "test accuracy, %", "seeds"), rows)


def _difference_table(content: Content, scenario: str) -> Iterator[str]:
    rows = [
        (use, arm, other, _spread(found.estimate, 100, 2), str(len(found.seeds)), found.verdict)
        for use, by_arm in accuracies(content, scenario).items()
        for (arm, other), found in differences(by_arm).items()
    ]
    head = ("loss", "side", "minus", "difference, points", "seeds", f"against {100 * MARGIN:g} points")
    yield from _table(head, rows)


def _spread(values: Estimate, scale: float, digits: int) -> str:
    """The mean and its 95 % interval."""
    mean = f"{scale * values.mean:.{digits}f}"
    if values.interval is None:
        return mean
    return f"{mean} ({scale * values.interval.low:.{digits}f} to {scale * values.interval.high:.{digits}f})"


def main() -> None:
    parser = argparse.ArgumentParser(description="The benchmark's figures as Markdown tables.")
    parser.add_argument("file", type=Path, nargs="?", default=OUT)
    print(render(json.loads(parser.parse_args().file.read_text("utf-8"))), end="")


if __name__ == "__main__":
    main()
