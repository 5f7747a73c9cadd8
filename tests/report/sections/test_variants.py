"""The section of variants: one sentence for all comparisons, and what each row keeps."""

from dataclasses import replace

import pytest

from kdbench.analyze import summarize
from kdbench.report.sections.variants import variants_section
from tests.analyze.models.test_variants import with_losses


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        (
            {"cross_entropy": 0.03, "kd": 0.03},
            "none is shown to keep more or less, by over 0.5 points; 1 is shown to differ by less",
        ),
        ({"cross_entropy": 0.03, "kd": 0.001}, "kd as int8_static keep more, by over 0.5 points; 0 are"),
        ({"cross_entropy": 0.001, "kd": 0.03}, "kd as int8_static keep less, by over 0.5 points"),
    ],
)
def test_one_sentence_says_who_keeps_more(lost: dict[str, float], said: str) -> None:
    answer = variants_section(summarize(with_losses(lost))).intro
    assert said in answer
    assert "1 comparison of rows and variants, judged as one family" in answer


def test_what_the_change_of_a_trained_variant_holds_is_told() -> None:
    summary = summarize(with_losses({"cross_entropy": 0.03, "kd": 0.03}))
    assert "further training" not in variants_section(summary).intro
    row = replace(summary.variants[-1], variant="int8_qat", trained=True, training_seconds=12.3)
    section = variants_section(replace(summary, variants=(*summary.variants, row)))
    assert "The change of int8_qat holds what its further training adds" in section.intro
    assert section.tables[0].rows[-1][-1].text == "12.3 s"
    assert section.tables[0].rows[0][-1].text == "\N{EM DASH}"


def test_too_few_seeds_are_told() -> None:
    answer = variants_section(summarize(with_losses({"cross_entropy": 0.03, "kd": 0.0}, seeds=4))).intro
    assert "At least 5 seeds are needed" in answer


def test_the_table_names_the_line_that_a_row_is_shown_to_keep() -> None:
    (table,) = variants_section(summarize(with_losses({"cross_entropy": 0.03, "kd": 0.005}))).tables
    column = [column.head for column in table.columns].index("Kept")
    # The teacher's variant is right everywhere: without a variance nothing is shown.
    assert [row[column].sub for row in table.rows] == ["", "under 99 %", "at least 99 %"]
