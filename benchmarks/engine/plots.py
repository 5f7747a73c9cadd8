"""`python -m benchmarks.engine.plots`: the figures of `docs/performance.md`, as SVG on a white card."""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes

from benchmarks.engine import analysis, findings
from benchmarks.engine.figures import FOLDER
from benchmarks.engine.findings import Content, Cost
from kdbench.report.writing.drawing import BAND, GRID, INK, MARKERS, MUTED, PAPER, SERIES, Drawing, Image, draw
from kdbench.statistics.paired import estimate

OUT = Path("docs/images")
FILES = ("engine", "scaling", "breakdown")
COLORS = dict(
    zip(
        findings.PHASES,
        (SERIES[5], SERIES[3], SERIES[0], SERIES[4], SERIES[1], SERIES[2], MUTED, SERIES[6]),
        strict=True,
    )
)
NETWORKS = {"cnn": "cnn width 32, 1x28x28", "resnet20": "resnet_cifar depth 20, 3x32x32"}
WAYS = {"live": "live teacher", "cached": "cached teacher"}
SCENARIOS = {
    "sweep": "Six losses, five seeds",
    "spatial": "Hints on feature maps",
    "dominated": "A teacher six times its student",
}


def read(folder: Path, quick: bool) -> dict[str, Content]:
    """The raw figures that are there, by name."""
    paths = {name: folder / f"{name}{'-quick' * quick}.json" for name in FILES}
    return {name: json.loads(path.read_text("utf-8")) for name, path in paths.items() if path.is_file()}


def images(figures: Mapping[str, Content]) -> list[Image]:
    """Everything that can be drawn of the figures that are there."""
    found = []
    if "breakdown" in figures:
        found += [step_bars(figures["breakdown"]), sweep_bars(figures["breakdown"])]
    if "scaling" in figures:
        found.append(growth_panels(figures["scaling"]))
    if "engine" in figures:
        found += [draw_ for draw_ in (side_bars(figures["engine"]), accuracy_dots(figures["engine"])) if draw_]
    return found


def step_bars(content: Content) -> Image:
    """A student's step by phase, network by network, against its two bounds."""
    steps = {name: findings.step(content["units"][f"step/{name}"]) for name in NETWORKS}
    rows = [
        (name, label, segments)
        for name, one in steps.items()
        for label, segments in (
            ("alone, live teacher", one.live),
            ("alone, cached teacher", one.cached),
            ("in the sweep, live teacher", one.in_sweep("live")),
            ("in the sweep, cached teacher", one.in_sweep("cached")),
        )
    ]
    height = 136.0 * len(steps) + 68

    def paint(drawing: Drawing) -> None:
        _legend(drawing, COLORS, top=8, columns=4)
        for number, (name, one) in enumerate(steps.items()):
            top = 82 + 136.0 * number
            axes = drawing.axes(left=170, right=24, bottom=height - top - 78, top=top)
            own = [(label, segments) for which, label, segments in rows if which == name]
            _stacked(axes, [(label, {p: 1e3 * s for p, s in parts.items()}) for label, parts in own], COLORS)
            for bound, dash, text in (("matmul", ":", "FLOPs / matmul rate"), ("kernels", "--", "own kernels")):
                at = 1e3 * one.bounds[bound]
                axes.axvline(at, color=INK, linestyle=dash, linewidth=1.2)
                axes.annotate(
                    f"{text} {at:.1f}",
                    (at, 1),
                    xycoords=("data", "axes fraction"),
                    xytext=(-3 if bound == "matmul" else 3, 3),
                    textcoords="offset points",
                    ha="right" if bound == "matmul" else "left",
                    fontsize=8.5,
                    color=INK,
                )
            drawing.figure.text(
                12 / 640, 1 - (top - 19) / height, NETWORKS[name], fontsize=10, weight="bold", color=INK
            )
            axes.set_xlabel("ms a step of 128 images, one thread", fontsize=9)

    return draw("performance-step", "Where the time of a student's step goes, against its bounds", 640, height, paint)


def sweep_bars(content: Content) -> Image:
    """Where two processors' time went in a real run."""
    shares = {
        f"{views} views": findings.sweep_shares(content["units"][f"sweep/{views}"])
        for views in ("fresh", "shared")
        if f"sweep/{views}" in content["units"]
    }
    names = list(next(iter(shares.values())))
    colors = dict(zip(names, (SERIES[5], SERIES[3], SERIES[0], SERIES[6], SERIES[4], BAND), strict=True))

    def paint(drawing: Drawing) -> None:
        _legend(drawing, colors, top=8, columns=3)
        axes = drawing.axes(left=110, right=24, bottom=40, top=52)
        _stacked(axes, [(label, {n: 100 * v for n, v in parts.items()}) for label, parts in shares.items()], colors)
        axes.set_xlim(0, 100)
        axes.set_xlabel("% of the processors' time in the waves of training", fontsize=9)

    return draw("performance-sweep-shares", "Where the processors' time of a sweep goes", 640, 154, paint)


def growth_panels(content: Content) -> Image:
    """Cost along each axis: measured, and what it would be without anything shared or without anything but steps."""
    titles = {"losses": "losses", "seeds": "seeds", "teacher": "teacher's arithmetic, students", "data": "data, times"}
    views = findings.views_measured(content)
    axes_there = [axis for axis in titles if axis in content["axes"]]
    width, height = max(60.0 + 170 * len(axes_there), 570.0), 68.0 + 176 * len(views)

    def paint(drawing: Drawing) -> None:
        lines = {
            "waves: training, export, parity, test": (SERIES[0], MARKERS[0], "-"),
            "training, as the records have it": (SERIES[3], MARKERS[3], "-"),
            "were each student trained alone, live teacher": (SERIES[1], MARKERS[1], "--"),
            "were there the students' own steps alone": (SERIES[2], MARKERS[2], ":"),
        }
        for index, (label, (color, marker, dash)) in enumerate(lines.items()):
            _key(drawing, label, 14 + index % 2 * 280, 16 + index // 2 * 18, color, marker, dash)
        for row, view in enumerate(views):
            top = 74 + 176.0 * row
            found = {axis: findings.growth(content, axis, view) for axis in axes_there}
            most = max(value for costs in found.values() for c in costs.values() for value in _curves(c))
            for column, (axis, costs) in enumerate(found.items()):
                axes = drawing.axes(
                    left=52 + 170 * column, right=width - 52 - 170 * column - 140, bottom=height - top - 116, top=top
                )
                values = list(costs)
                for which, (color, marker, dash) in enumerate(lines.values()):
                    heights = [_curves(costs[value])[which] for value in values]
                    axes.plot(values, heights, color=color, marker=marker, linestyle=dash, markersize=4, linewidth=1.4)
                axes.set(ylim=(0, 1.06 * most), xticks=values, xlim=(0, 1.05 * max(values, default=1)))
                axes.grid(axis="y", color=GRID, linewidth=0.7)
                axes.tick_params(labelsize=8.5, labelleft=column == 0)
                axes.set_xlabel(titles[axis], fontsize=9)
            text = {"shared": "shared views: cached teacher", "fresh": "fresh views: live teacher"}[view]
            drawing.figure.text(14 / width, 1 - (top - 8) / height, f"{text}; seconds", fontsize=9.5, weight="bold")

    return draw("performance-growth", "How the cost of a sweep grows", width, height, paint)


def _curves(cost: Cost) -> tuple[float, ...]:
    """Seconds of the waves; of training, and two ideals, shared evenly among its processes."""
    return cost.waves, *(seconds / cost.processes for seconds in (cost.training, cost.alone, cost.own))


def side_bars(content: Content) -> Image | None:
    """Time of a sweep by side, scenario by scenario."""
    found = {name: analysis.speeds(content, name) for name in SCENARIOS if name in content["scenarios"]}
    if "quick" in content["scenarios"]:
        found["quick"] = analysis.speeds(content, "quick")
    found = {name: speeds for name, speeds in found.items() if speeds}
    if not found:
        return None
    tops, height = {}, 14.0
    for name, speeds in found.items():
        tops[name] = height + 22
        height += 22 + 21 * len(speeds) + 40

    def paint(drawing: Drawing) -> None:
        for name, speeds in found.items():
            rows = 21.0 * len(speeds)
            axes = drawing.axes(left=168, right=96, bottom=height - tops[name] - rows, top=tops[name])
            for at, speed in enumerate(speeds):
                color = SERIES[0] if speed.arm.startswith("kdbench") else MUTED
                axes.barh(at, speed.seconds.mean, color=color, height=0.66)
                if ends := speed.seconds.interval:
                    axes.plot([max(0.0, ends.low), ends.high], [at, at], color=INK, linewidth=1.2)
                reach = max(speed.seconds.mean, ends.high if ends else 0.0)
                mark = f"{speed.seconds.mean:,.0f} s" + "*" * speed.extrapolated
                axes.annotate(mark, (reach, at), xytext=(5, 0), textcoords="offset points", va="center", fontsize=9)
            axes.set(yticks=range(len(speeds)), xlim=(0, None))
            axes.set_yticklabels([speed.arm for speed in speeds])
            axes.invert_yaxis()
            axes.tick_params(axis="x", labelsize=8.5)
            axes.set_xlabel("seconds of the whole sweep", fontsize=9)
            title = SCENARIOS.get(name, "A trial in miniature")
            drawing.figure.text(14 / 640, 1 - (tops[name] - 7) / height, title, fontsize=10, weight="bold")

    return draw("performance-sides", "Time of a sweep by side", 640, height, paint)


def accuracy_dots(content: Content) -> Image | None:
    """Test accuracy by side: every seed, the mean and its interval. The scenario for accuracy, else what there is."""
    names = [name for name in ("accuracy", "sweep", "quick") if analysis.units_by_arm(content, name)]
    if not names:
        return None
    by_loss = analysis.accuracies(content, names[0])
    rows = [(use, arm, list(values.values())) for use, arms in by_loss.items() for arm, values in arms.items()]
    height = 66.0 + 20 * len(rows)

    def paint(drawing: Drawing) -> None:
        axes = drawing.axes(left=250, right=24, bottom=44, top=14)
        for at, (_, arm, values) in enumerate(rows):
            color = SERIES[0] if arm.startswith("kdbench") else SERIES[1]
            percent = [100 * value for value in values]
            axes.plot(percent, [at] * len(values), "o", color=color, alpha=0.35, markersize=4, markeredgewidth=0)
            found = estimate(percent)
            if found.interval:
                axes.plot([found.interval.low, found.interval.high], [at, at], color=color, linewidth=1.6)
            axes.plot(found.mean, at, "D", color=color, markersize=5.5, markeredgecolor=PAPER, clip_on=False)
        axes.set(yticks=range(len(rows)), ylim=(len(rows) - 0.4, -0.6))
        axes.set_yticklabels([f"{use}: {arm}" for use, arm, _ in rows])
        axes.grid(axis="x", color=GRID, linewidth=0.7)
        axes.set_xlabel("test accuracy, %: seeds, mean and 95 % interval", fontsize=9)

    return draw("performance-accuracy", "Test accuracy by side", 640, height, paint)


def _stacked(axes: Axes, rows: Sequence[tuple[str, Mapping[str, float]]], colors: Mapping[str, str]) -> None:
    """Horizontal bars, the first at the top."""
    for at, (_, parts) in enumerate(rows):
        left = 0.0
        for name, value in parts.items():
            axes.barh(at, value, left=left, color=colors[name], height=0.68, edgecolor=PAPER, linewidth=0.5)
            left += value
    axes.set(yticks=range(len(rows)), xlim=(0, None))
    axes.set_yticklabels([label for label, _ in rows])
    axes.invert_yaxis()
    axes.tick_params(labelsize=9)


def _legend(drawing: Drawing, colors: Mapping[str, str], top: float, columns: int) -> None:
    axes = drawing.axes(left=14, right=14, bottom=drawing.height - top - 34, top=top)
    axes.set(xlim=(0, columns), ylim=(2, 0))
    axes.axis("off")
    for index, (name, color) in enumerate(colors.items()):
        row, column = divmod(index, columns)
        axes.barh(row + 0.5, 0.07, left=column, height=0.6, color=color, edgecolor=MUTED, linewidth=0.4)
        axes.text(column + 0.1, row + 0.5, name, va="center_baseline", fontsize=9.5)


def _key(drawing: Drawing, label: str, left: float, top: float, color: str, marker: str, dash: str) -> None:
    axes = drawing.axes(left=left, right=drawing.width - left - 270, bottom=drawing.height - top - 8, top=top - 8)
    axes.set(xlim=(0, 270), ylim=(0, 1))
    axes.axis("off")
    axes.plot([0, 12, 24], [0.5] * 3, color=color, marker=marker, linestyle=dash, markersize=4, markevery=[1])
    axes.text(30, 0.5, label, va="center_baseline", fontsize=9.5)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--figures", type=Path, default=FOLDER, help="folder of the raw figures")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--quick", action="store_true", help="draw the figures of trials")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    for image in images(read(given.figures, given.quick)):
        path = given.out / f"{image.name}.svg"
        path.write_text(image.file, "utf-8")
        print(path)


if __name__ == "__main__":
    main()
