"""The table and the plot of training costs, against figures worked out by hand."""

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from kdbench.analyze import summarize
from kdbench.report.sections.cost import cost_section, cost_table, energy_table, plot_cost
from kdbench.results.timings import Energy
from tests.records import Shape, edited, make_results

LOSSES = ("cross_entropy", "kd", "dkd", "fitnet")
LEVEL = {"teacher": 0.95, "cross_entropy": 0.90, "kd": 0.92, "dkd": 0.91, "fitnet": 0.89}


def by_level(pair, loss, seed):
    return LEVEL[loss]


def table_of(results):
    table = cost_table(summarize(results))
    heads = [column.head for column in table.columns]
    return table, {row[0].text: dict(zip(heads, row, strict=True)) for row in table.rows}


def with_cost(results, loss, **cost):
    """The results with other training costs in all records of a loss."""
    keys = {e.key for e in results.run.entries if loss == ("teacher" if e.role == "teacher" else e.loss)}

    def spend(record):
        return record.model_copy(update={"training": record.training.model_copy(update=cost)})

    return edited(results, trials=lambda record: spend(record) if record.key in keys else record)


def test_a_row_by_hand():
    # One seed. Alone: 0.80 s of 200 own steps + 0.10 s evaluation + 0.20 s data + 0.90 s teacher = 2.00 s, where the
    # student alone takes 1.10 s. Here: 0.80 + 0.10 + 0.20 / 4 + 0.06 / 2 = 0.98 s. 25,000 samples in 0.80 s.
    _, rows = table_of(make_results(Shape(seeds=1, losses=LOSSES, accuracy=by_level)))
    kd = {head: (cell.text, cell.sub) for head, cell in rows["small: kd"].items()}
    assert kd == {
        "Model and loss": ("small: kd", "big -> small"),
        "Rank": ("2", ""),
        "Gain": ("+2.00", ""),
        "Relative cost": ("1.82×", ""),
        "Cost alone": ("2.00 s", ""),
        "Cost here": ("980 ms", "pass of 4 models"),
        "Own step": ("4.00", "800 ms in all"),
        "Teacher": ("cached 0.30", "live 4.50"),
        "Data": ("200 ms", "evaluation 100 ms"),
        "Throughput": ("31,250", ""),
        "Peak memory": ("400 MiB", ""),
        "Processes × threads": ("2 × 1", "cpu"),
    }


def test_every_source_of_a_teacher_is_told():
    # 0.90 s in 200 steps are 4.50 ms, 0.06 s are 0.30 ms
    _, rows = table_of(make_results(Shape(seeds=1, losses=(*LOSSES, "logit_mse"))))
    found = {name: (row["Teacher"].text, row["Teacher"].sub, row["Teacher"].sort) for name, row in rows.items()}
    assert found["small: cross_entropy"] == ("none", "", 0)
    assert found["big: teacher"] == ("none", "", 0)
    assert found["small: fitnet"] == ("live 4.50", "for 1 model", pytest.approx(4.5))
    assert found["small: kd"] == ("cached 0.30", "live 4.50", pytest.approx(0.3))


def test_every_column_but_the_name_and_the_layout_sorts_by_number():
    _, rows = table_of(make_results(Shape(losses=LOSSES)))
    unsorted = {head for row in rows.values() for head, cell in row.items() if cell.sort is None and cell.text != "—"}
    assert unsorted == {"Model and loss", "Processes × threads"}
    assert [rows[f"small: {loss}"]["Rank"].sort for loss in LOSSES] == [1, 2, 2, 2]
    assert (rows["big: teacher"]["Rank"].text, rows["small: cross_entropy"]["Relative cost"].text) == ("—", "1.00×")


def test_seconds_that_do_not_compare_are_told():
    results = make_results(Shape(losses=LOSSES))
    assert not any("cannot be compared" in note for note in table_of(results)[0].notes)
    for other in ({"processes": 1, "threads": 2}, {"device": "cuda"}):
        table, _ = table_of(with_cost(results, "kd", **other))
        assert any("cannot be compared" in note for note in table.notes)


def test_precision_is_told_where_it_bears_on_cost():
    results = make_results()
    suite = results.run.suite | {"train": results.run.suite["train"] | {"precision": "bfloat16"}}
    changed = replace(results, run=results.run.model_copy(update={"suite": suite}))
    assert not any("bfloat16" in note for note in table_of(results)[0].notes)
    assert any("bfloat16" in note for note in table_of(changed)[0].notes)


def plot_of(results):
    summary = summarize(results)
    return plot_cost(summary, summary.pairs[0], 0)


def words_of(image):
    root = ElementTree.fromstring(image.inline)
    tags = ("text", "title")
    return [[element.text for element in root.iter() if element.tag.endswith(tag)] for tag in tags]


def test_the_plot_names_every_loss_and_its_tips_hold_the_figures():
    texts, tips = words_of(plot_of(make_results(Shape(seeds=1, losses=LOSSES, accuracy=by_level))))
    assert set(LOSSES) <= set(texts)
    kd = "kd: 92.00 % at 1.82\N{MULTIPLICATION SIGN} the cost, gain +2.00 points at equal epochs"
    assert {"cross_entropy: 90.00 % at 1.00\N{MULTIPLICATION SIGN} the cost", kd} <= set(tips)


def test_the_student_alone_is_a_curve_over_its_budgets():
    def accuracy(pair, row, seed):
        return {"cross_entropy, 2 x epochs": 0.91, "cross_entropy, 4 x epochs": 0.915}.get(row) or LEVEL[row]

    shape = Shape(seeds=1, losses=LOSSES, accuracy=accuracy, alone=(1.0, 2.0, 4.0))
    texts, tips = words_of(plot_of(make_results(shape)))
    assert texts.count("cross_entropy") == 1  # one name for the curve
    assert "cross_entropy, 4 x epochs: 91.50 % at 4.00\N{MULTIPLICATION SIGN} the cost" in tips
    # 90 and 91 % at 1 and 2 times the cost: at 2.0 / 1.1 times it, 90 + log2(1.818) = 90.86 %; 92 less that is 1.14.
    assert "kd: 92.00 % at 1.82\N{MULTIPLICATION SIGN} the cost, gain +1.14 points at equal cost of training" in tips
    intro = cost_section(summarize(make_results(shape))).intro
    assert "A loss pays where it lies above the curve of the student alone" in intro
    short = cost_section(summarize(make_results(Shape(seeds=1, losses=LOSSES)))).intro
    assert "was trained for one number of epochs only" in short


def test_a_dearer_loss_stands_further_right_and_a_better_one_higher():
    results = with_cost(make_results(Shape(seeds=1, losses=LOSSES, accuracy=by_level)), "dkd", step_seconds=3.0)
    x, y = {}, {}
    for use, tip in re.findall(r"<use ([^>]*)><title>(\w+):", plot_of(results).inline):
        x[tip], y[tip] = (float(re.search(rf'\b{axis}="([\d.]+)"', use)[1]) for axis in "xy")
    assert x["cross_entropy"] < x["kd"] == x["fitnet"] < x["dkd"]
    assert y["kd"] < y["dkd"] < y["cross_entropy"] < y["fitnet"]  # y grows downwards


@pytest.mark.parametrize("losses", [("cross_entropy",), ("kd", "fitnet")])
def test_without_a_gain_there_is_no_plot(losses):
    assert plot_of(make_results(Shape(losses=losses))) is None


def test_energy_of_training_is_told_where_a_counter_gave_it() -> None:
    results = make_results()
    counted = Energy(joules=500.0, idle_watts=20.0, seconds=10.0, units=1000, source="nvml")  # 300 J net of 200 at rest
    for loss in ("teacher", "cross_entropy", "kd"):
        results = with_cost(results, loss, energy=counted, cohort=2)
    rows = energy_table(summarize(results)).rows
    assert {row[1].sort for row in rows} == {150.0}
    assert not any("No energy of training" in note for note in cost_table(summarize(results)).notes)


def test_without_a_counter_there_is_the_reason_and_no_figure() -> None:
    summary = summarize(make_results())
    assert energy_table(summary).rows == ()
    assert "No energy of training: not asked for." in cost_table(summary).notes
