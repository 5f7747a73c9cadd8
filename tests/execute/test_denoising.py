"""Noise for the student alone, run for real: by severity, with the report."""

from pathlib import Path

import pytest

from kdbench.analyze import Summary, summarize
from kdbench.report import render_report
from kdbench.results import Store, load_suite_results
from tests.execute.running import place, run
from tests.small import small_suite

WAYS = ["single", {"use": "denoising", "noise": "masking", "level": 0.4}, {"use": "noisy_student", "share": 0.2}]
LEVELS = [{"name": f"masked {share}", "use": "masking", "share": share} for share in (0.2, 0.6)]


@pytest.fixture(scope="module")
def summary(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    root = tmp_path_factory.mktemp("denoising")
    changes = {"teaching": WAYS, "conditions": LEVELS, "train": {"epochs": 8, "batch_size": 64}}
    run(small_suite(latency={"batch_sizes": []}, **changes), place(root))
    return summarize(load_suite_results(Store(root), "small"))


def test_students_that_saw_noise_lose_less_under_it(summary: Summary) -> None:
    assert summary.trouble == ()
    found = {row.row: row.top1 for row in summary.severities if row.role == "student"}
    assert len(found) == 6
    for loss in ("cross_entropy", "kd"):
        plain, noisy = found[loss], found[f"{loss}, denoising(noise=masking, level=0.4)"]
        assert list(plain) == [0.0, 0.2, 0.6]
        assert plain[0.0].mean - plain[0.6].mean > noisy[0.0].mean - noisy[0.6].mean


def test_the_report_draws_accuracy_by_severity(summary: Summary, tmp_path: Path) -> None:
    for page in render_report(summary, tmp_path):
        assert "test top-1 by the share of masking" in page.read_text("utf-8")
