"""Hints from chosen layers, run for real, with the report."""

from pathlib import Path

import pytest

from kdbench.analyze import Summary, summarize
from kdbench.report import render_report
from kdbench.results import Store, load_suite_results
from tests.execute.running import place, run
from tests.small import small_suite

TRANSFORMS = {"grid": ["projected", "raw", "pooled", "normalized"]}
HINTS = [
    {"name": layer, "use": "fitnet", "student_layer": layer, "teacher_layer": layer, "transform": TRANSFORMS}
    for layer in ("first", "middle")
]
ATTENTION = {"use": "attention_transfer", "student_layers": ["middle"], "teacher_layers": ["middle"]}


@pytest.fixture(scope="module")
def summary(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    root = tmp_path_factory.mktemp("hints")
    changes = {
        "losses": ["cross_entropy", *HINTS, ATTENTION],
        "pairs": [{"teacher": {"use": "cnn", "width": 2}, "student": {"use": "cnn", "width": 2}}],
        "train": {"epochs": 1, "batch_size": 64},
        "latency": {"batch_sizes": []},
    }
    run(small_suite(**changes), place(root))
    return summarize(load_suite_results(Store(root), "small"))


def test_every_transform_of_every_layer_trains_a_student_of_its_own(summary: Summary) -> None:
    assert summary.trouble == ()
    hints = [row for row in summary.students if not row.alone]
    assert len(hints) == 9
    assert len({tuple(seed.key for seed in row.seeds) for row in hints}) == 9


def test_the_report_has_the_heat_map(summary: Summary, tmp_path: Path) -> None:
    for page in render_report(summary, tmp_path):
        assert "gain over the student alone by layer and transform" in page.read_text("utf-8")
