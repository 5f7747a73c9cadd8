"""Losses that change while they train, run for real: what they tell is recorded, drawn and written."""

from pathlib import Path

import pytest

from kdbench.analyze import Summary, summarize
from kdbench.report import render_report
from kdbench.results import Store, load_suite_results
from tests.execute.running import place, run
from tests.small import small_suite

LOSSES = ["cross_entropy", "kd", "ctkd", "dynamic_temperature", "annealing_kd", "teacher_annealing"]


@pytest.fixture(scope="module")
def summary(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    root = tmp_path_factory.mktemp("adaptive")
    train = {"epochs": 6, "batch_size": 64}
    run(small_suite(losses=LOSSES, train=train, latency={"batch_sizes": []}), place(root))
    return summarize(load_suite_results(Store(root), "small"))


def test_every_loss_that_changes_has_its_curves_and_no_other(summary: Summary) -> None:
    assert {row.row: list(row.curves) for row in summary.readings} == {
        "ctkd": ["temperature"],
        "dynamic_temperature": ["temperature", "spread of temperatures"],
        "annealing_kd": ["teacher's weight", "temperature"],
        "teacher_annealing": ["teacher's weight"],
    }
    curves = {(row.row, name): curve for row in summary.readings for name, curve in row.curves.items()}
    assert all(curve.seeds == 2 and curve.epochs[0] == 1 for curve in curves.values())
    learnt, falling = curves["ctkd", "temperature"].mean, curves["annealing_kd", "temperature"]
    assert all(1 < value < 21 for value in learnt)
    assert learnt[0] != learnt[-1]
    assert falling.epochs == (1, 2, 3, 4)  # 160 of 240
    assert list(falling.mean) == sorted(falling.mean, reverse=True)
    weights = curves["teacher_annealing", "teacher's weight"].mean
    assert weights == pytest.approx([(5.5 - epoch) / 6 for epoch in range(6)], abs=0.02)


def test_the_report_draws_them(summary: Summary, tmp_path: Path) -> None:
    for page in render_report(summary, tmp_path):
        text = page.read_text("utf-8")
        assert "What changes within the losses" in text
        assert "Spread of temperatures by epoch" in text
