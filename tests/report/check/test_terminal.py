import math
from dataclasses import replace

from kdbench.analyze import GateEntry, Verdict
from kdbench.report.check.terminal import verdict_lines

SLOWER = GateEntry("latency", "my_a -> b / student / kd / cpu", "regressed", "p50 x1.200", 5.8, 6.96, 1.2)
SAME = GateEntry("flops", "my_a -> b / student / kd", "pass", "900 FLOPs as before", 900, 900)
VERDICT = Verdict(
    "quick",
    (SAME, SLOWER),
    ("opset 17 before, 18 now",),
    beyond=("1 row: dkd",),
    covers="1 pair.",
    rebaseline="kdbench baseline quick",
)


def test_figures_stand_in_a_table_with_short_names_and_the_headline_after_it() -> None:
    assert verdict_lines(VERDICT, math.inf).splitlines() == [
        "- 1 pair.",
        "",
        "| Verdict   | Figure  | Of                 | Baseline |     Now |",
        "|-----------|---------|--------------------|---------:|--------:|",
        "| regressed | latency | student / kd / cpu |  5.80 µs | 6.96 µs |",
        "| pass      | FLOPs   | student / kd       |      900 |     900 |",
        "",
        "- not in the baseline, so not judged: 1 row: dkd",
        "- opset 17 before, 18 now",
        "",
        "Regression: quick",
        "- my_a -> b / student / kd / cpu: latency regressed: p50 x1.200",
        "If the regression is meant, freeze the present figures as the new baseline: kdbench baseline quick",
    ]


def test_pairs_are_told_where_there_are_several() -> None:
    other = replace(SAME, what="a -> c / student / kd")
    assert "| my_a -> b / student / kd " in verdict_lines(replace(VERDICT, entries=(SAME, other)), math.inf)
