"""The report in four thousand bytes."""

from dataclasses import replace

from kdbench.analyze import recommend, summarize
from kdbench.report.in_short import MOST_BYTES, in_short
from kdbench.report.ranking import ranking_table
from tests.records import Shape, make_results

LOSSES = ("cross_entropy", "kd", *(f"loss_{i:02}" for i in range(20)))


def of(shape: Shape, **changed: object) -> str:
    summary = summarize(make_results(shape))
    found = replace(recommend(summary), **changed)
    return in_short(summary, found, ranking_table(summary, found))


def test_the_headline_the_eight_best_and_a_link() -> None:
    shape = Shape(seeds=5, losses=LOSSES, accuracy=lambda pair, row, seed: 0.8 + 0.001 * len(row) + 0.0001 * seed)
    text = of(shape, headline="Ship it", reason="Because.")
    assert text.startswith("**Ship it.** Because.\n\n| Loss |")
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| Loss")]
    assert len(rows) == 8
    assert "14 more of 22 rows are in the page." in text
    assert text.endswith("\n\nSuite example: [report](report.md), [page](index.html)\n")


def test_the_row_of_the_answer_is_among_them() -> None:
    summary = summarize(make_results(Shape(seeds=2, losses=LOSSES, accuracy=lambda pair, row, seed: 0.9)))
    last = summary.students[-1]
    found = replace(recommend(summary), student=last)
    table = ranking_table(summary, found)
    (place,) = [at for at, row in enumerate(table.rows) if row[0].of == last.name]
    assert place >= 8
    assert f"| {last.row}<br>".replace("_", r"\_") in in_short(summary, found, table).replace("**", "")


def test_what_does_not_fit_is_left_out_whole() -> None:
    long = "x" * 2500
    text = of(Shape(), caveats=(f"first {long}", f"second {long}", "third"), gives_up=(), groups=())
    assert len(text.encode()) <= MOST_BYTES
    assert [f"- {name}" in text for name in ("first", "second", "third")] == [True, False, True]
