"""The section on further metrics: figures that line up, reasons for those that are missing, in both forms."""

from dataclasses import replace

from kdbench.analyze import summarize
from kdbench.report import render_report
from kdbench.report.sections.metrics import metrics_section
from tests.records import Shape, edited, make_results

SHAPE = Shape(seeds=5, metrics=("macro_f1", "balanced_accuracy"))


def with_values(change):
    def score(record):
        return record.model_copy(update={"scores": {name: change(record) for name in record.scores}})

    return edited(make_results(SHAPE), evaluations=score)


def row(section, ends):
    (table,) = (t for t in section.tables if t.name == "metrics")
    cells = next(r for r in table.rows if r[0].text.endswith(ends))
    return dict(zip([f"{column.head}, {column.unit}" for column in table.columns], cells, strict=True))


def test_figures_stand_with_their_intervals_and_differences() -> None:
    summary = summarize(make_results(SHAPE))
    kd = row(metrics_section(summary), ": kd")
    (told,) = [r for r in summary.metrics if r.row == "kd"]
    mean = told.values["macro_f1"].mean  # the factory's is half the top-1
    assert kd["macro_f1, mean"].text == f"{mean:.4f}"
    assert kd["macro_f1, mean"].sort == mean
    assert kd["macro_f1, mean"].sub.count(" to ") == 1
    gain = told.against_alone["balanced_accuracy"].estimate.mean
    assert kd["balanced_accuracy against alone, paired by seed"].text == f"{gain:+.4f}".replace("-", "−")
    alone = row(metrics_section(summary), ": cross_entropy")
    assert alone["macro_f1 against alone, paired by seed"].text == "—"


def test_digits_are_those_of_the_largest_figure() -> None:
    def shown(value):
        found = row(metrics_section(summarize(with_values(lambda record: value))), ": kd")
        return found["macro_f1, mean"].text

    assert [shown(v) for v in (0.5, 12.5, 1234.0, 123456.0, 0.0, -0.25)] == [
        "0.5000", "12.50", "1,234", "123,456", "0.0000", "−0.2500",
    ]  # fmt: skip
    assert shown(1.5e-9) == "1.500e−09"


def without(scores, name):
    return {other: value for other, value in scores.items() if other != name}


def test_what_is_missing_is_listed_with_its_reason() -> None:
    results = make_results(SHAPE)
    kept = edited(results, evaluations=lambda r: r.model_copy(update={"scores": without(r.scores, "macro_f1")}))
    note = "metric 'macro_f1' was not computed: it wants a thousand classes"
    told = replace(kept, run=results.run.model_copy(update={"notes": (note,)}))
    section = metrics_section(summarize(told))
    assert [column.head for column in section.tables[0].columns][1:] == [
        "balanced_accuracy",
        "balanced_accuracy against alone",
    ]
    (line,) = section.tables[1].rows
    assert [cell.text for cell in line] == ["macro_f1", "11 of 11", "it wants a thousand classes"]
    empty = edited(results, evaluations=lambda record: record.model_copy(update={"scores": {}}))
    untold = metrics_section(summarize(empty)).filled
    assert [table.name for table in untold.tables] == ["uncomputed"]
    assert untold.tables[0].rows[0][2].text == "the run has neither a record nor a reason"


def test_suites_without_metrics_have_no_such_section() -> None:
    assert metrics_section(summarize(make_results())).filled is None


def test_both_forms_of_the_report_have_the_section(tmp_path) -> None:
    for path in render_report(summarize(make_results(SHAPE)), tmp_path):
        text = path.read_text("utf-8").replace("\\_", "_")
        assert "Further metrics" in text
        assert "balanced_accuracy against alone" in text
