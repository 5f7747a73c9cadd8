"""The way `robust` and attacks as conditions, run for real: each network is attacked by itself, and reported so."""

from pathlib import Path

import pytest

from kdbench.analyze import Summary, summarize
from kdbench.report import render_report
from kdbench.results import ResultSet, Store, load_suite_results
from tests.execute.running import place, run
from tests.small import small_suite

EPSILON = 0.08
CONDITIONS = [
    {"name": "noise", "use": "gaussian_noise", "options": {"sd": 0.5}},
    {"name": "FGSM", "use": "fgsm", "options": {"epsilon": EPSILON}},
    {"name": "PGD", "use": "pgd", "options": {"epsilon": EPSILON, "steps": 8}},
]
ROBUST = {"name": "robust", "use": "robust", "options": {"epsilon": EPSILON, "steps": 3}}
RSLAD = {"name": "RSLAD", "use": "robust", "options": {**ROBUST["options"], "inner": "teacher", "clean": 0.2}}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> ResultSet:
    root = tmp_path_factory.mktemp("robust")
    suite = small_suite(
        pairs=[{"teacher": {"use": "mlp", "hidden": [48]}, "student": {"use": "mlp", "hidden": [24]}}],
        seeds=1,
        teaching=["single", ROBUST, RSLAD],
        conditions=CONDITIONS,
        train={"epochs": 8, "batch_size": 64},
        latency={"batch_sizes": []},
    )
    run(suite, place(root))
    return load_suite_results(Store(root), "small")


@pytest.fixture(scope="module")
def summary(results: ResultSet) -> Summary:
    return summarize(results)


def test_every_row_is_evaluated_under_every_attack(summary: Summary) -> None:
    assert not summary.notes
    assert not summary.trouble
    rows = [
        "teacher",
        "cross_entropy",
        "cross_entropy, robust",
        "cross_entropy, RSLAD",
        "kd",
        "kd, robust",
        "kd, RSLAD",
    ]
    found = [("teacher" if row.role == "teacher" else row.row, row.attack) for row in summary.attacks]
    assert found == [(row, attack) for attack in ("FGSM", "PGD, 8 steps") for row in rows]
    assert all(list(row.top1) == [0.0, EPSILON] for row in summary.attacks)
    assert all(list(row.top1) == ["noise"] for row in summary.conditions)  # an attack is no corruption


def test_attacks_mislead_and_training_under_them_helps(summary: Summary) -> None:
    under = {row.row: row.top1[EPSILON].mean for row in summary.attacks if row.attack.startswith("PGD")}
    clean = {row.row: row.top1[0.0].mean for row in summary.attacks}
    assert all(under[row] < clean[row] for row in under)
    for loss in ("cross_entropy", "kd"):
        assert under[f"{loss}, robust"] > under[loss] + 0.05


def test_the_student_alone_of_a_robust_row_is_trained_robustly(summary: Summary) -> None:
    attacked = {row.row: row for row in summary.attacks if row.attack.startswith("PGD")}
    difference = attacked["kd, robust"].against_alone[EPSILON].estimate.mean
    means = [attacked[row].top1[EPSILON].mean for row in ("kd, robust", "cross_entropy, robust")]
    assert difference == pytest.approx(means[0] - means[1])


def test_a_share_on_clean_images_is_a_training_of_its_own(results: ResultSet) -> None:
    keys = {entry.row: entry.key for entry in results.run.entries if entry.role == "student"}
    assert len(set(keys.values())) == len(keys) == 6


def test_the_report_shows_accuracy_by_epsilon(summary: Summary, tmp_path: Path) -> None:
    for page in render_report(summary, tmp_path):
        text = page.read_text("utf-8")
        assert "Accuracy under attacks" in text
        assert "under PGD, 8 steps by epsilon" in text
