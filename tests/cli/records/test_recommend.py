"""`kdbench recommend` on made-up results."""

import json
from pathlib import Path

import pytest

from kdbench.cli import COMMANDS
from kdbench.cli.failure import run_guarded
from kdbench.cli.records.recommend import command
from tests.records import Shape, make_results
from tests.stored import store_results


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Two pairs with the student alone: 90 % and 93 %; the second takes twice as long."""
    shape = Shape(
        pairs=(("big", "small"), ("wide", "thin")),
        seeds=5,
        losses=("cross_entropy",),
        accuracy=lambda pair, row, seed: 0.90 + 0.03 * pair + 0.0005 * (seed % 3),
    )
    store_results(tmp_path, make_results(shape))
    return tmp_path


def ask(results: Path, *argv: str) -> int:
    return run_guarded(command, ["example", "--results", str(results), *argv])


def test_the_headline_comes_first(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(results) == 0
    first, second, *others = capsys.readouterr().out.splitlines()
    assert first == "Ship thin trained alone"
    assert second.startswith("It gets 93.04 % of the test samples right")
    assert any(line.startswith("Instead: small trained alone: −3.00 points") for line in others)


@pytest.mark.parametrize(
    ("budget", "headline"),
    [
        (("--max-latency", "1ms"), "Ship thin trained alone"),
        (("--max-latency", "60us"), "Ship small trained alone"),
        (("--max-latency", "1us"), "Nothing to ship, because no student is within the budgets"),
        (("--min-top1", ".92"), "Ship thin trained alone"),
        (("--max-bytes", "1B"), "Nothing to ship, because no student is within the budgets"),
        (("--max-parameters", "1"), "Nothing to ship, because no student is within the budgets"),
    ],
)
def test_budgets(results: Path, budget: tuple[str, str], headline: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(results, *budget) == 0
    assert capsys.readouterr().out.splitlines()[0] == headline


def test_a_machine_reads_json(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(results, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["kind"], found["student"]["model"], found["student"]["variant"]) == ("ship", "thin", "fp32")
    assert len(found["student"]["trials"]) == 5
    assert ask(results, "--json", "--min-top1", "1") == 0
    assert json.loads(capsys.readouterr().out)["student"] is None


def test_a_way_of_calling_that_was_not_timed_is_refused(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(results, "--provider", "cuda", "--batch", "8") == 2
    error = capsys.readouterr().err
    assert "not every student of 'example' was timed on cuda with batch 8; timed: cpu, 1 thread, batch 1" in error
    assert 'under [latency] in the suite, and run it again: providers = ["cuda"], batch_sizes = [8]' in error
    assert ask(results, "--batch", "1", "--max-latency", "60us") == 0


def test_the_command_is_listed() -> None:
    assert "recommend" in COMMANDS
