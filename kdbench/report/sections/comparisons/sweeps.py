"""Sweeps: how sensitive a loss is to its settings, drawn and in figures."""

from kdbench.analyze import StudentRow, Summary
from kdbench.analyze.comparisons.sweeps import Setting, Sweep
from kdbench.report.writing import formats as f
from kdbench.report.writing.drawing import GRID, MUTED, SERIES, Drawing, Image, draw
from kdbench.report.writing.lines import place_values
from kdbench.report.writing.looks import Look
from kdbench.report.writing.section import Section
from kdbench.report.writing.series import bar, interval_ends, interval_of, label_ends, limit, mark, on_scale, trace
from kdbench.report.writing.tables import Cell, Column, Table, estimate_cell, gain_cell
from kdbench.spec.errors import as_toml
from kdbench.statistics.paired import EQUIVALENCE

WIDTH, HEIGHT, LEFT, RIGHT, BOTTOM, TOP = 520.0, 280.0, 54.0, 92.0, 44.0, 12.0
VALIDATION = Look(SERIES[0], "o", series="validation")
TEST = Look(SERIES[1], "D", (5, 2), size=6, hollow=True, series="test")
HELP = (
    "How accurate the student is with each value of the setting: means over seeds, with 95 % intervals, on test for "
    "other test samples too. The vertical line is at the value that is best on validation, by which settings are "
    "chosen. A flat line means that the setting hardly matters; a best value at an end of the axis means that values "
    "beyond it were not tried and may be better."
)
TERMS = (
    (
        "May be the best",
        "A setting cannot be the best where it is shown, one-sided and paired by seed, to be worse on validation than "
        "the best one; p-values count once for each other setting (Bonferroni).",
    ),
    (
        "Choosing a setting",
        "On validation: the gain of a setting that was chosen for its accuracy on test would be too high.",
    ),
)


def sweeps_section(summary: Summary) -> Section:
    """Each swept loss: its best setting on validation, and how much worse the others are."""
    found = summary.sweeps
    pairs = len(summary.pairs) > 1
    sentences = [f"{f'{each.pair}: ' if pairs else ''}{in_words(each)}" for each in found]
    images = [plot for number, each in enumerate(found) for key in each.keys if (plot := _plot(each, key, number))]
    return Section(
        "sweeps",
        "Sensitivity to settings",
        "Settings are compared on validation, paired by seed. " + " ".join(sentences),
        tuple(images),
        (settings_table(summary),),
        TERMS,
    )


def in_words(sweep: Sweep) -> str:
    """The best setting, and how flat the accuracy is around it."""
    count, level = len(sweep.settings), f"{100 * EQUIVALENCE:g} points"
    text = (
        f"'{sweep.name}': the best of {f.several(count, 'setting')} on validation is {setting_name(sweep.best)}, with "
        f"{f.percent(sweep.best.validation.mean)}."
    )
    if len(sweep.equivalent) == count:
        text += f" It is flat: all settings come within {level} of the best."
    else:
        worst = f"{setting_name(sweep.worst.row)}, is {f.spread(sweep.loss(sweep.worst))} points lower"
        text += f" Within {level} of it: {len(sweep.equivalent) - 1} of {count - 1} others; the worst, {worst}."
    if len(sweep.best.seeds) > 1:
        possible = sum(each.may_be_best for each in sweep.settings)
        text += f" With 95 % confidence the truly best is {'it' if possible == 1 else f'one of {possible}'}."
    if ends := sweep.at_an_end:
        text += f" It lies at an end of what was tried for {' and '.join(ends)}: values beyond may be better."
    return text


def setting_name(row: StudentRow) -> str:
    """'temperature = 4, lr = 0.1'."""
    return ", ".join(f"{key} = {as_toml(value)}" for key, value in row.settings.items())


def settings_table(summary: Summary) -> Table:
    """One row per setting, as the suite lists them."""
    columns = (
        Column("Loss", numeric=False),
        Column("Setting", numeric=False),
        Column("Validation", "%", "top-1 at the deployed epoch, mean over seeds, with its 95 % interval"),
        Column("Against the best", "points", "validation minus the best setting's, paired by seed, with its interval"),
        Column("May be the best", "on validation", "with 95 % confidence the best is among these", numeric=False),
        Column("Top-1", "% of test", "mean over seeds, with its 95 % interval"),
        Column("Gain", "points", "test top-1 over the student alone, paired by seed, with its 95 % interval"),
        Column("Seeds"),
    )
    rows = tuple(_row(summary, sweep, each) for sweep in summary.sweeps for each in sweep.settings)
    return Table("sweeps", "Settings that were swept", columns, rows, folded=len(rows) > 12)


def _row(summary: Summary, sweep: Sweep, setting: Setting) -> tuple[Cell, ...]:
    row = setting.row
    return (
        Cell(sweep.name, sweep.pair if len(summary.pairs) > 1 else "", of=row.name),
        Cell(setting_name(row), "best on validation" if row is sweep.best else ""),
        estimate_cell(row.validation, f.percent, f.percent_interval),
        gain_cell(setting.against_best),
        Cell("yes" if setting.may_be_best else "no"),
        estimate_cell(row.top1, f.percent, f.percent_interval),
        gain_cell(row.gain),
        Cell(str(len(row.seeds)), sort=len(row.seeds)),
    )


def _plot(sweep: Sweep, key: str, place: int) -> Image | None:
    """Accuracy by the value of one key, all others as in the best setting; None where it has one value."""
    settings = sweep.along(key)
    if len(settings) < 2:
        return None
    others = ", ".join(f"{name} = {as_toml(value)}" for name, value in sweep.best.settings.items() if name != key)
    title = f"{sweep.pair}: top-1 of '{sweep.name}' by {key}" + (f", at {others}" if others else "")
    name = f"sweep-{place}-{sweep.keys.index(key)}"
    return draw(name, title, WIDTH, HEIGHT, lambda drawing: _paint(drawing, sweep, settings, key), HELP)


def _paint(drawing: Drawing, sweep: Sweep, settings: tuple[Setting, ...], key: str) -> None:
    axes = drawing.axes(LEFT, RIGHT, BOTTOM, TOP)
    at = place_values(axes, [setting.row.settings[key] for setting in settings])
    lines = (
        ("validation", [s.row.validation for s in settings], VALIDATION),
        ("test", [s.row.top1 for s in settings], TEST),
    )
    shown = on_scale([each for _, estimates, _ in lines for each in estimates])
    limit(axes, "y", [100 * each.mean for each in shown], interval_ends(shown))
    best = next(x for x, setting in zip(at, settings, strict=True) if setting.row is sweep.best)
    axes.axvline(best, color=MUTED, linewidth=1, dashes=(3, 3), zorder=0)
    for name, estimates, look in lines:
        trace(drawing, axes, at, [100 * e.mean for e in estimates], look, name)
        for x, found, setting in zip(at, estimates, settings, strict=True):
            if ends := interval_of(found):
                bar(drawing, axes, [x, x], ends, look)
            value = as_toml(setting.row.settings[key])
            mark(drawing, axes, x, 100 * found.mean, look, f"{name}, {key} = {value}: {f.percent(found.mean)}")
    axes.set(xlabel=key, ylabel="Top-1 (%)")
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    label_ends(drawing, axes, [(at[-1], 100 * found[-1].mean, name, look) for name, found, look in lines])
