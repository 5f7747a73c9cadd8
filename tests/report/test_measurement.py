"""Tables for a terminal: aligned, no wider than they must be, and Markdown."""

from kdbench.analyze.deployment.measurement import describe_measurement
from kdbench.report.measurement import measurement_text
from kdbench.results import NotMeasured
from tests.analyze.deployment.test_measurement import measurement, model, timed
from tests.records import HOW


def tables(text: str) -> list[list[list[str]]]:
    """Cells of every pipe table."""
    blocks = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    return [[[cell.strip() for cell in line.strip("|").split(" | ")] for line in block] for block in blocks]


def column(text: str, head: str) -> list[str]:
    found = next(table for table in tables(text) if head in table[0])
    return [row[found[0].index(head)] for row in found[2:]]


def test_costs_and_timings_of_every_file() -> None:
    models = model("a.onnx"), model("größe mit platz.onnx", parameters=1234, flops=None, flops_reason="it has a loop")
    latencies = [timed("a.onnx", "a.onnx"), timed("größe mit platz.onnx", "a.onnx", 2.0)]
    text = measurement_text(describe_measurement(measurement(*models, latencies=latencies)))
    assert column(text, "Parameters") == ["100", "1,234"]
    assert column(text, "FLOPs (per sample)") == ["200", "—"]
    assert "größe mit platz.onnx: FLOPs unknown: it has a loop" in text
    first, second = column(text, "Against the reference (ratio)")
    assert first == "reference"
    assert second.startswith(("1.99", "2.00"))
    assert column(text, "How (provider, threads, batch)") == ["cpu, 1 thread, batch 1"] * 2
    assert "- Percentiles of latency: " in text


def test_lines_are_aligned_and_fit() -> None:
    latencies = [timed("a.onnx", "a.onnx")]
    text = measurement_text(describe_measurement(measurement(model("a.onnx", [1, 0]), latencies=latencies)), 100)
    assert max(map(len, text.splitlines())) <= 100
    for block in text.split("\n\n"):
        if block.startswith("|"):
            assert len({len(line) for line in block.splitlines()}) == 1
            assert set(block.splitlines()[1]) <= set("|-:")
    assert "<sub>" not in text


def test_columns_that_say_nothing_are_left_out() -> None:
    without = measurement_text(describe_measurement(measurement(model("a.onnx"))))
    assert "Top-1" not in without
    assert "##" in without
    assert "Latency" not in without
    assert "Methods" not in without
    one = measurement_text(describe_measurement(measurement(model("a.onnx", [1, 0, 1, 1]))))
    assert "Against the first" not in one
    two = measurement_text(describe_measurement(measurement(model("a.onnx", [1, 0, 1, 1]), model("b.onnx", [1] * 4))))
    assert column(two, "Against the first (points)")[0] == "—"
    assert column(two, "Against the first (points)")[1].startswith("+25.00 (")
    assert column(two, "Top-1 (% of test)")[1].startswith("100.00 % (")


def test_a_wide_table_comes_in_parts_with_the_names_in_each() -> None:
    names = ["a.onnx", "b.onnx"]
    operators = {f"Operator{i}": i for i in range(20)}
    summary = describe_measurement(measurement(*(model(name, operators=operators) for name in names)))
    assert len(tables(measurement_text(summary))) == 1  # for another program or a file
    text = measurement_text(summary, 80)
    assert len(tables(text)) == 2
    assert all([row[0] for row in table[2:]] == names for table in tables(text))
    assert column(text, "Operators")[0].startswith("0 Operator0, 1 Operator1, ")


def test_a_name_cannot_break_the_table() -> None:
    text = measurement_text(describe_measurement(measurement(model("a|b\nc.onnx"))))
    assert "| a\\|b c.onnx " in text


def test_what_is_missing_can_be_copied_as_a_command() -> None:
    reason = "pip uninstall onnxruntime && pip install 'onnxruntime-gpu[cuda,cudnn]'"
    missing = NotMeasured(architecture="a.onnx", how=HOW.model_copy(update={"provider": "cuda"}), reason=reason)
    text = measurement_text(describe_measurement(measurement(model("a.onnx"), not_measured=(missing,))))
    assert column(text, "Why not") == [reason]
    assert column(text, "How") == ["cuda, 1 thread, batch 1"]
