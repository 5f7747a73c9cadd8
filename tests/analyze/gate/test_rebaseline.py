"""The commands that freeze anew, by hand."""

from pathlib import Path

import pytest

from kdbench.analyze.gate.rebaseline import rebaseline
from kdbench.results import Baseline
from kdbench.results.baselines.freezing import baseline_of
from kdbench.spec import Gate
from tests.records import Shape, make_results

RESULTS = make_results(Shape(gates=(Gate(metric="top1", may_drop=0.2),)))
BASELINE = baseline_of(RESULTS)
PART = BASELINE.model_copy(update={"suite": {**BASELINE.suite, "name": "example@seeds=2"}})
FAR = BASELINE.model_copy(update={"files": "../kept"})


@pytest.mark.parametrize(
    ("baseline", "asked", "options", "commands"),
    [
        (
            BASELINE,
            "'my suites/example.toml'",
            ("-p", "mine", "--results", "kept"),
            "kdbench run 'my suites/example.toml' -p mine --results kept && "
            "kdbench baseline 'my suites/example.toml' -p mine --results kept --to baselines/b --replace",
        ),
        (
            PART,
            "example.toml --seeds 2",
            (),
            "kdbench run example.toml --seeds 2 && kdbench baseline example@seeds=2 --to baselines/b --replace --part",
        ),
        (FAR, "", (), "kdbench baseline example --to baselines/b --replace --files baselines/kept"),
    ],
)
def test_a_baseline_is_frozen_again_as_it_was(
    baseline: Baseline, asked: str, options: tuple[str, ...], commands: str
) -> None:
    assert rebaseline(baseline, RESULTS, Path("baselines/b"), asked, options) == commands


def test_figures_that_cannot_show_what_a_gate_allows_take_force() -> None:
    finer = make_results(Shape(gates=(Gate(metric="latency", may_rise=0.001),), noise=0.006))
    assert rebaseline(baseline_of(finer), finer, Path("b"), "", ()).endswith(" --to b --replace --force")
