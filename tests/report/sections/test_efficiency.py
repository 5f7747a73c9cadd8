"""The section on efficiency: compute, gaps closed, fronts."""

from kdbench.analyze import summarize
from kdbench.report.sections.efficiency import efficiency_section
from tests.records import Shape, make_results
from tests.report.sections.shown import cells, words


def steady(pair, loss, seed):
    """Seeds differ by a tenth of a point, gains by seed by two hundredths."""
    level = {"teacher": 0.95, "cross_entropy": 0.90, "kd": 0.93}[loss]
    return level + 0.001 * (seed % 4) + (0.0002 * seed if loss == "kd" else 0.0)


def test_efficiency_tells_reasons_intervals_and_fronts() -> None:
    summary = summarize(make_results(Shape(seeds=5, accuracy=steady)))
    section = efficiency_section(summary)
    row = cells(section, "kept", "kd")
    assert row["Gap closed %"].sub.count(" to ") == 1
    assert row["Smaller by parameters"].text == "8.00×"
    assert row["Speed-up ratio"].sub.count(" to ") == 1
    assert cells(section, "compute", ": kd")["Correct per joule test samples"].text == "—"
    assert "No joules: no RAPL counter." in words(section)
    fronts = cells(section, "fronts", ": cross_entropy")
    assert [cell.text for cell in list(fronts.values())[1:]] == ["0.00"] * 4
    assert [cell.tag for cell in list(cells(section, "fronts", ": kd").values())[1:]] == ["better"] * 4
    assert cells(section, "hypervolume", "small")["By bytes accuracy × decades"].sub.startswith("alone 0.")
    timeless = efficiency_section(summarize(make_results(Shape(latency=False))))
    assert "No front by latency" in words(timeless)


def test_no_gap_is_told_with_its_reason() -> None:
    alike = lambda p, loss, s: 0.9 + 0.001 * ((3 * s + len(loss)) % 5)  # noqa: E731
    section = efficiency_section(summarize(make_results(Shape(seeds=5, accuracy=alike))))
    assert cells(section, "kept", "kd")["Gap closed %"].text == "—"
    assert "no gap closed for 'kd': the interval of the gap" in words(section)


def test_the_four_metrics_stand_side_by_side() -> None:
    summary = summarize(make_results(Shape(seeds=5, epochs=3, accuracy=steady, conditions=("noise",))))
    row = cells(efficiency_section(summary), "four", ": kd")
    model = next(each for each in summary.students if each.row == "kd")
    assert model.line is not None
    assert row["Learning curve points/epoch"].sort == model.line.slope
    assert row["Learning curve points/epoch"].sub == f"b {100 * model.line.intercept:.1f} %"
    assert row["Accuracy % of test"].sort == model.top1.mean
    assert row["Efficiency correct per GFLOP"].sort == model.efficiency.per_gflop
    stable = next(each.stable for each in summary.conditions if each.row == "kd")
    assert stable is not None
    assert row["Stability % of test"].sort == stable.mean
