"""The tables and images of `docs/performance.md` that show `engine.json`."""

from functools import partial

from matplotlib.axes import Axes

from benchmarks.engine.analysis import MARGIN, Speed, accuracies, differences, ratios, speeds, units_by_arm
from benchmarks.engine.scenarios import KDBENCH
from benchmarks.harness import Content
from benchmarks.presentation import Tables, markdown, measured_on, with_interval
from kdbench.report.writing.drawing import GRID, INK, MUTED, PAPER, SERIES, Drawing, Image, draw
from kdbench.statistics.intervals import estimate
from kdbench.statistics.verdicts import family_verdicts

TITLES = {
    "sweep": "Six losses, five seeds",
    "spatial": "Hints on feature maps",
    "dominated": "A teacher six times its student",
    "quick": "A trial in miniature",
}
WIDTH = 640.0
EXTRAPOLATED = "\\* some seeds were measured; the sweep is extrapolated, since its cost is linear in the seeds."


def scenario(name: str, content: Content) -> str:
    """All tables of one scenario."""
    if not units_by_arm(content, name):
        return ""
    asked = content["scenarios"][name]
    parts = [f"Losses: {len(asked['losses'])}, seeds: {asked['seeds']}, epochs: {asked['epochs']}."]
    if asked["timed"]:
        parts += [_speeds(content, name), EXTRAPOLATED, _ratios(content, name), _accuracies(content, name)]
    else:
        parts += [_accuracies(content, name), _differences(content, name)]
    return "\n\n".join(part for part in parts if part)


def _speeds(content: Content, name: str) -> str:
    head = ("side", "sweep, s", "units", "wall ms per student step", "ms per step in training", "peak memory, MB")
    rows = [
        (
            speed.arm,
            with_interval(speed.seconds, 1, 1) + "*" * speed.extrapolated,
            str(len(speed.seconds.values)),
            f"{speed.wall_ms:.1f}",
            f"{speed.loop_ms:.1f}",
            f"{speed.peak_bytes / 1e6:,.0f}",
        )
        for speed in speeds(content, name)
    ]
    return markdown(head, rows)


def _ratios(content: Content, name: str) -> str:
    rows = []
    for ratio in ratios(content, name):
        interval = "one repeat" if ratio.low is None else f"{ratio.low:.2f} to {ratio.high:.2f}"
        goal = f"{ratio.goal:g}" if ratio.goal else ""
        verdict = "" if not ratio.goal else "yes" if (ratio.low or 0.0) >= ratio.goal else "not shown"
        rows.append((ratio.against, ratio.arm, f"{ratio.times:.2f}", interval, str(ratio.repeats), goal, verdict))
    return markdown(("faster", "than", "times", "95 % interval", "repeats", "goal", "interval above goal"), rows)


def _accuracies(content: Content, name: str) -> str:
    rows = [
        (use, arm, with_interval(estimate(list(values.values())), 100, 2), str(len(values)))
        for use, by_arm in accuracies(content, name).items()
        for arm, values in by_arm.items()
    ]
    return markdown(("loss", "side", "test accuracy, %", "seeds"), rows)


def _differences(content: Content, name: str) -> str:
    compared = [
        (use, arm, other, found)
        for use, by_arm in accuracies(content, name).items()
        for (arm, other), found in differences(by_arm).items()
    ]
    verdicts = family_verdicts([found.estimate for *_, found in compared], MARGIN)
    rows = [
        (use, arm, other, with_interval(found.estimate, 100, 2), str(len(found.seeds)), verdict.word)
        for (use, arm, other, found), verdict in zip(compared, verdicts, strict=True)
    ]
    head = ("loss", "side", "minus", "difference, points", "seeds", f"against {100 * MARGIN:g} points")
    return markdown(head, rows)


def images(content: Content) -> list[Image]:
    """The images for which the figures suffice."""
    return [image for image in (side_bars(content), accuracy_dots(content)) if image]


def side_bars(content: Content) -> Image | None:
    """Seconds of a sweep by side, one panel for each timed scenario."""
    found = {name: speeds(content, name) for name in TITLES if units_by_arm(content, name)}
    if not found:
        return None
    tops, height = {}, 14.0
    for name, measured in found.items():
        tops[name] = height + 22
        height += 22 + 21 * len(measured) + 40

    def paint(drawing: Drawing) -> None:
        for name, measured in found.items():
            bottom = height - tops[name] - 21.0 * len(measured)
            axes = drawing.axes(left=168, right=96, bottom=bottom, top=tops[name])
            _rows(axes, [speed.arm for speed in measured])
            for at, speed in enumerate(measured):
                _bar(axes, at, speed)
            axes.set(xlim=(0, None), xlabel="seconds of the whole sweep")
            top = 1 - (tops[name] - 7) / height
            drawing.figure.text(14 / WIDTH, top, TITLES[name], fontsize=10, weight="bold", color=INK)

    return draw("performance-sides", "Time of a sweep by side", WIDTH, height, paint)


def _bar(axes: Axes, at: int, speed: Speed) -> None:
    axes.barh(at, speed.seconds.mean, color=_color(speed.arm, MUTED), height=0.66)
    reach = speed.seconds.mean
    if ends := speed.seconds.interval:
        axes.plot([max(0.0, ends.low), ends.high], [at, at], color=INK, linewidth=1.2)
        reach = max(reach, ends.high)
    mark = f"{speed.seconds.mean:,.0f} s" + "*" * speed.extrapolated
    axes.annotate(mark, (reach, at), xytext=(5, 0), textcoords="offset points", va="center", fontsize=9)


def accuracy_dots(content: Content) -> Image | None:
    """Test accuracy by side: every seed, the mean and its interval."""
    names = [name for name in ("accuracy", "sweep", "quick") if units_by_arm(content, name)]
    if not names:
        return None
    by_loss = accuracies(content, names[0])
    rows = [(use, arm, list(values.values())) for use, arms in by_loss.items() for arm, values in arms.items()]

    def paint(drawing: Drawing) -> None:
        axes = drawing.axes(left=250, right=24, bottom=44, top=14)
        _rows(axes, [f"{use}: {arm}" for use, arm, _ in rows])
        for at, (_, arm, values) in enumerate(rows):
            color, percent = _color(arm, SERIES[1]), [100 * value for value in values]
            axes.plot(percent, [at] * len(values), "o", color=color, alpha=0.35, markersize=4, markeredgewidth=0)
            found = estimate(percent)
            if found.interval:
                axes.plot([found.interval.low, found.interval.high], [at, at], color=color, linewidth=1.6)
            axes.plot(found.mean, at, "D", color=color, markersize=5.5, markeredgecolor=PAPER, clip_on=False)
        axes.grid(axis="x", color=GRID, linewidth=0.7)
        axes.set_xlabel("test accuracy, %: seeds, mean and 95 % interval")

    return draw("performance-accuracy", "Test accuracy by side", WIDTH, 66.0 + 20 * len(rows), paint)


def _rows(axes: Axes, labels: list[str]) -> None:
    """One row for each label, the first at the top."""
    axes.set(yticks=range(len(labels)), yticklabels=labels, ylim=(len(labels) - 0.5, -0.5))
    axes.tick_params(axis="x", labelsize=8.5)
    axes.xaxis.label.set_fontsize(9)


def _color(arm: str, other: str) -> str:
    return SERIES[0] if arm.startswith(KDBENCH) else other


TABLES: Tables = {
    "measured-on": measured_on,
    **{name: partial(scenario, name) for name in ("sweep", "spatial", "dominated", "accuracy")},
}
