"""The suites of the articles' networks and recipes, in miniature, up to their reports."""

from pathlib import Path

import pytest

from kdbench.analyze import summarize
from kdbench.report import render_report
from kdbench.spec import Pair
from tests.execute.miniature import miniature, trained


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("articles-mnist", {"cross_entropy", "probability_mse", "kd", "logit_mse"}),
        ("articles-cifar10", {"cross_entropy", "soft_cross_entropy", "pseudo_label"}),
        pytest.param(
            "articles-agreement",
            {
                "cross_entropy",
                "kd",
                "agreement_masked(agree_with=label)",
                *(
                    f"agreement_masked(temperature={tau}, ce_weight={part})"
                    for tau in (0.5, 2.0)
                    for part in (0.2, 0.8)
                ),
            },
            marks=pytest.mark.slow,
        ),
    ],
)
def test_every_recipe_is_trained_and_reported(name: str, rows: set[str], tmp_path: Path) -> None:
    summary = summarize(trained(miniature(name), tmp_path))
    assert {row.row for row in summary.students} == rows
    html, _ = render_report(summary, tmp_path / "report")
    assert "<h2" in html.read_text("utf-8")


def test_accuracy_is_tabulated_after_1_and_10_epochs(tmp_path: Path) -> None:
    summary = summarize(trained(miniature("articles-epochs", epochs=10), tmp_path))
    assert summary.input_shape == (1, 1, 10)
    assert {row.model for row in summary.models} == {"mlp(hidden=100-100)", "mlp(hidden=50)"}
    _, markdown = render_report(summary, tmp_path / "report")
    text = markdown.read_text("utf-8")
    assert "After 1<br>" in text
    assert "After 10<br>" in text


@pytest.mark.slow
def test_the_four_metrics_stand_in_one_table(tmp_path: Path) -> None:
    # ResNet-152 takes longer than a test may: its smaller sister stands in, of the same family and with the same stem.
    suite = miniature("efficiency", seeds=1)
    pairs = (
        Pair.model_validate({"teacher": "torchvision:resnet18", "student": "torchvision:mobilenet_v2"}),
        suite.pairs[1],
    )
    summary = summarize(trained(suite.model_copy(update={"pairs": pairs}), tmp_path))
    _, markdown = render_report(summary, tmp_path / "report")
    table = markdown.read_text("utf-8").partition("### The four metrics of efficiency")[2].partition("\n### ")[0]
    assert table.count("\n| torchvision:mobilenet") == 3
    assert table.count("\n| mlp(hidden=64)") == 3
