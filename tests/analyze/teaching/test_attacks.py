"""Accuracy by epsilon over seeds, by hand."""

import pytest

from kdbench.analyze import summarize
from kdbench.analyze.teaching.attacks import attack_name
from kdbench.spec import NamedChoice
from tests.records import Shape, make_results

# Conditions keep .96, .93 and .90 of what was right, in this order: the standard one first.
LEVEL = {"teacher": 0.9, "cross_entropy": 0.7, "kd": 0.8}
SHAPE = Shape(
    seeds=3, conditions=("noise",), attacks=(0.1, 0.05), samples=1000, accuracy=lambda pair, row, seed: LEVEL[row]
)


def test_rows_by_epsilon_from_the_clean_images_on() -> None:
    summary = summarize(make_results(SHAPE))
    assert [(row.role, row.row, row.attack) for row in summary.attacks] == [
        ("teacher", "cross_entropy", "FGSM"),
        ("student", "cross_entropy", "FGSM"),
        ("student", "kd", "FGSM"),
    ]
    row = summary.attacks[2]
    assert list(row.top1) == [0.0, 0.05, 0.1]  # by size, not as the suite lists them
    assert [each.mean for each in row.top1.values()] == pytest.approx([0.8, 0.8 * 0.90, 0.8 * 0.93], abs=0.02)
    assert list(row.against_alone) == [0.05, 0.1]
    for epsilon, difference in row.against_alone.items():
        alone = summary.attacks[1].top1[epsilon].mean
        assert difference.estimate.mean == pytest.approx(row.top1[epsilon].mean - alone)
    assert summary.attacks[0].against_alone == summary.attacks[1].against_alone == {}


def test_attacks_are_no_corruptions() -> None:
    summary = summarize(make_results(SHAPE))
    assert all(list(row.top1) == ["noise"] for row in summary.conditions)
    assert summarize(make_results()).attacks == ()


@pytest.mark.parametrize(
    ("use", "options", "name"),
    [
        ("fgsm", {"epsilon": 0.1}, "FGSM"),
        ("pgd", {"epsilon": 0.1, "steps": 20, "target": "labels"}, "PGD, 20 steps"),
        ("my_attacks:shift", {"epsilon": 0.1, "reach": 3}, "my_attacks:shift, reach 3"),
    ],
)
def test_names_are_without_epsilon(use: str, options: dict, name: str) -> None:
    assert attack_name(NamedChoice(name="mine", use=use, options=options)) == name
