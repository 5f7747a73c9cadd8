from dataclasses import replace

from kdbench.analyze import recommend, summarize
from kdbench.report.answer import choices, tiles
from kdbench.report.trials import trial_links
from tests.records import Shape, make_results

LEVEL = {"teacher": 0.95, "cross_entropy": 0.90, "kd": 0.93}


def shown(shape: Shape):
    return summarize(make_results(replace(shape, accuracy=lambda p, loss, s: LEVEL[loss] + 0.0001 * s * len(loss))))


def test_the_student_is_told_in_four_figures():
    summary = shown(Shape(seeds=5))
    found = tiles(summary, recommend(summary))
    row = recommend(summary).student
    assert [label for label, _, _ in found] == ["Test top-1", "Of its teacher's accuracy", "Latency, p50", "ONNX file"]
    assert found[0][1] == f"{100 * row.top1.mean:.2f} %"
    assert found[1][2] == "teacher big, which gets 95.00 %"


def test_without_a_latency_its_flops_are_told():
    summary = shown(Shape(seeds=5, latency=False))
    assert tiles(summary, recommend(summary))[2][0::2] == ("FLOPs per sample", "latency was not measured")


def test_figures_are_those_of_the_variant_that_is_chosen():
    summary = shown(Shape(seeds=5, variants=("fp32", "int8_dynamic")))
    found = recommend(summary)
    variant = next(each for each in summary.variants if each.row == "kd")
    chosen = tiles(summary, replace(found, variant=variant))
    assert chosen[0][1] == f"{100 * variant.top1.mean:.2f} %"
    assert chosen[1] == ("Of the exported file's accuracy", f"{100 * variant.kept:.2f} %", "as int8_dynamic")
    assert chosen[3][1] != tiles(summary, replace(found, variant=None))[3][1]


def test_nothing_is_told_of_no_student():
    summary = summarize(make_results())
    assert tiles(summary, replace(recommend(summary), student=None)) == ()


def test_the_page_chooses_among_the_candidates_of_the_recommendation():
    summary = shown(Shape(seeds=5, variants=("fp32", "int8_dynamic")))
    links = trial_links(summary)
    found = choices(summary, links)
    assert recommend(summary).headline in {each["headline"] for each in found}
    assert {each["trial"] for each in found} <= set(links.values())
    assert all(each["bytes"] > 0 and each["parameters"] > 0 for each in found)
