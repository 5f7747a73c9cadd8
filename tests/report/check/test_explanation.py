from dataclasses import replace

from kdbench.analyze import GateEntry, Verdict
from kdbench.analyze.comparisons.changes import Change
from kdbench.report.check.explanation import explanation

FALLEN = GateEntry("top1", "p / student / kd", "regressed", "−2.00 points", 0.9, 0.88, evidence=("seed 0: a", "rule"))
SAME = GateEntry("flops", "p / student", "pass", "900 FLOPs as before", 900, 900, evidence=("compared exactly",))
VERDICT = Verdict("quick", (SAME, FALLEN), covers="The baseline holds 1 pair.")


def test_each_figure_stands_with_its_evidence_and_the_worst_decides() -> None:
    assert list(explanation(VERDICT, strict=False)) == [
        "The baseline holds 1 pair.",
        "",
        "p / student / kd: top-1 regressed: −2.00 points",
        "  seed 0: a",
        "  rule",
        "",
        "p / student: FLOPs passed: 900 FLOPs as before",
        "  compared exactly",
        "",
        "Regression: 2 of 2 figures count, and the worst of them decides; exit code 3",
    ]


def test_what_changed_is_told_before_the_end() -> None:
    changed = replace(VERDICT, changed={"suite": (Change("train.epochs", 8, 1),)})
    lines = list(explanation(changed, strict=True))
    assert lines[-3:-1] == ["what changed since the baseline:", "  suite: train.epochs was 8, is 1"]
    assert lines[-1].endswith("exit code 3 under --strict")
