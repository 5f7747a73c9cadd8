"""Accuracy by severity, from evaluations of the same corruption in several strengths."""

import pytest

from kdbench.analyze import summarize
from tests.records import Shape, make_results


def test_each_row_has_its_accuracy_at_every_severity_and_clean() -> None:
    summary = summarize(make_results(Shape(seeds=3, noises=(1.0, 0.5), conditions=("blur",))))
    assert [(row.view, row.option, row.role, row.row) for row in summary.severities] == [
        ("gaussian_noise", "sd", "teacher", "cross_entropy"),
        ("gaussian_noise", "sd", "student", "cross_entropy"),
        ("gaussian_noise", "sd", "student", "kd"),
    ]
    teacher, alone, kd = summary.severities
    assert list(kd.top1) == [0.0, 0.5, 1.0]
    # Blur comes first and keeps 96 %; of what was right, 93 % stay so at an SD of 1, which is named next, 90 % at .5.
    student = next(row for row in summary.students if row.row == "kd")
    assert kd.top1[0.0] == student.top1
    assert kd.top1[1.0].mean == pytest.approx(0.93 * student.top1.mean, abs=0.005)
    assert kd.top1[0.5].mean == pytest.approx(0.90 * student.top1.mean, abs=0.005)
    assert student.gain is not None
    assert kd.against_alone[0.0].estimate.mean == pytest.approx(student.gain.estimate.mean)
    difference = kd.top1[1.0].mean - alone.top1[1.0].mean
    assert kd.against_alone[1.0].estimate.mean == pytest.approx(difference)
    assert (alone.against_alone, teacher.against_alone) == ({}, {})


@pytest.mark.parametrize(
    "shape", [Shape(conditions=("noise", "blur")), Shape(noises=(1.0,)), Shape(attacks=(0.1, 0.2))]
)
def test_one_severity_of_each_corruption_is_none_to_compare_and_attacks_are_apart(shape: Shape) -> None:
    assert summarize(make_results(shape)).severities == ()
