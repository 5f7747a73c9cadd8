"""JSON of pytest-benchmark: its own statistics as oracle, and its own `compare`."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_benchmark.stats import Stats

from kdbench.report.check.benchmark import write_benchmarks
from kdbench.results import LatencyComparison, SlicePair
from kdbench.spec import How

HOW = How(provider="cpu", batch=1, threads=1)
MACHINE = {"cpu": "a processor", "commit": "0123", "system": "Linux", "python": "3.11"}


def timed(*ratios: float) -> LatencyComparison:
    """A session with a pair of slices for each ratio: the baseline takes 100 microseconds, and then one more each."""
    pairs = [
        SlicePair(
            candidate_p50=(100 + n) * ratio, candidate_min=90, candidate_mean=110,
            reference_p50=100 + n, reference_min=90, reference_mean=110,
        )
        for n, ratio in enumerate(ratios)
    ]  # fmt: skip
    return LatencyComparison(what="p / student / kd", how=HOW, sessions=(tuple(pairs),))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    folder = tmp_path_factory.mktemp("benchmark")
    nothing = LatencyComparison(what="p / student / dkd", how=HOW, sessions=(), reason="no GPU")
    return write_benchmarks([timed(1.2, 1.2, 1.3, 1.1, 9.0), nothing], MACHINE, "2026-11-28T21:00:00+00:00", folder)


def test_both_sides_have_the_figures_that_pytest_benchmark_computes(written: tuple[Path, ...]) -> None:
    times = {"0001_baseline.json": (100, 101, 102, 103, 104), "0002_now.json": (120, 121.2, 132.6, 113.3, 936)}
    for path in written:
        (found,) = json.loads(path.read_text())["benchmarks"]
        oracle = Stats()
        for time in times[path.name]:
            oracle.update(time / 1e6)
        assert found["name"] == "p / student / kd / " + HOW.label
        same = ("min", "max", "mean", "stddev", "rounds", "median", "total", "ops", "stddev_outliers")
        assert {name: found["stats"][name] for name in same} == {
            name: pytest.approx(getattr(oracle, name)) for name in same
        }
        assert found["stats"].keys() == {*Stats.fields, "iterations", "data"}


def test_pytest_benchmark_compares_them(written: tuple[Path, ...]) -> None:
    command = [sys.executable, "-c", "from pytest_benchmark.cli import main; main()", "compare", *map(str, written)]
    done = subprocess.run([*command, "--group-by=fullname"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    name = re.escape(f"p / student / kd / {HOW.label}")
    assert re.findall(rf"^{name} \(\S*(0001|0002)_", done.stdout, re.MULTILINE) == ["0001", "0002"]


def test_where_nothing_was_timed_nothing_is_written(tmp_path: Path) -> None:
    assert write_benchmarks([], MACHINE, "", tmp_path / "new") == ()
    assert not (tmp_path / "new").exists()


def test_what_an_earlier_check_timed_does_not_stay_beside_a_later_one(tmp_path: Path) -> None:
    assert len(write_benchmarks([timed(1.2)], MACHINE, "", tmp_path)) == 2
    write_benchmarks([], MACHINE, "", tmp_path)
    assert list(tmp_path.iterdir()) == []
