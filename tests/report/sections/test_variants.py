"""The section of variants: one sentence for all comparisons, and what each row keeps."""

import pytest

from kdbench.analyze import summarize
from kdbench.report.sections.variants import variants_section
from tests.analyze.models.test_variants import with_losses


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        ({"cross_entropy": 0.03, "kd": 0.03}, "none is shown to keep more or less of its accuracy, by more than 0.5"),
        ({"cross_entropy": 0.03, "kd": 0.001}, "kd as int8_static keep more of their accuracy, by more than 0.5"),
        ({"cross_entropy": 0.001, "kd": 0.03}, "kd as int8_static keep less, by more than 0.5 points"),
    ],
)
def test_one_sentence_says_who_keeps_more(lost: dict[str, float], said: str) -> None:
    answer = variants_section(summarize(with_losses(lost))).intro
    assert said in answer
    assert "1 comparison, judged as one family" in answer


def test_too_few_seeds_are_told() -> None:
    answer = variants_section(summarize(with_losses({"cross_entropy": 0.03, "kd": 0.0}, seeds=4))).intro
    assert "At least 5 seeds are needed" in answer


def test_the_table_names_the_line_that_a_row_is_shown_to_keep() -> None:
    (table,) = variants_section(summarize(with_losses({"cross_entropy": 0.03, "kd": 0.005}))).tables
    column = [column.head for column in table.columns].index("Kept")
    # The teacher's variant is right everywhere: without a variance nothing is shown.
    assert [row[column].sub for row in table.rows] == ["", "under 99 %", "at least 99 %"]
