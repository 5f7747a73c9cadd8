"""The frames of what is computed, against the summary that the report shows."""

import pytest

from kdbench.analyze import summarize
from kdbench.analyze.frames import gain_frame, latency_frame
from tests.records import Shape, make_results

LEVELS = {"teacher": 0.95, "cross_entropy": 0.90, "kd": 0.92}


def by_level(_: int, row: str, seed: int) -> float:
    return LEVELS[row.partition(",")[0]] + 0.001 * seed


def test_gains_are_those_of_the_report() -> None:
    summary = summarize(make_results(Shape(seeds=5, alone=(1.0, 2.0), accuracy=by_level)))
    frame = gain_frame(summary).set_index("equal")
    assert frame.index.tolist() == ["epochs", "cost", "shared cost"]
    assert set(frame["row"]) == {"kd"}, "the student alone has no gain over itself"
    assert frame.loc["epochs", "gain"] == pytest.approx(0.02)
    assert frame.loc["epochs", "seeds"] == 5
    (gain,) = [row.gains["epochs"] for row in summary.students if row.gains]
    interval = gain.difference.estimate.interval
    assert interval
    assert frame.loc["epochs", ["low", "high", "holm_p", "verdict"]].tolist() == [
        interval.low,
        interval.high,
        gain.holm_p,
        gain.verdict,
    ]


def test_few_seeds_make_no_claim() -> None:
    frame = gain_frame(summarize(make_results(Shape(seeds=3, accuracy=by_level))))
    assert frame["verdict"].tolist() == ["no claim"]


def test_latencies_are_those_of_the_report() -> None:
    summary = summarize(make_results(Shape(not_measured=[("cuda", "no GPU")])))
    frame = latency_frame(summary)
    timed, missing = frame[frame["reason"].isna()], frame[frame["reason"].notna()]
    assert timed[["models", "provider", "batch"]].to_numpy().tolist() == [["big", "cpu", 1], ["small", "cpu", 1]]
    assert missing[["models", "provider", "reason"]].to_numpy().tolist() == [
        ["big", "cuda", "no GPU"],
        ["small", "cuda", "no GPU"],
    ]
    ratios = {each.models[0][1]: each.timings[0].ratio for each in summary.deployed}
    assert ratios["big"]
    assert timed["ratio"].tolist()[0] == ratios["big"].estimate > 1
    assert ratios["small"] is None
    assert timed["ratio"].isna().tolist() == [False, True], "the reference has no ratio to itself"
    assert timed["p50_microseconds"].tolist() == [each.timings[0].times.p50 for each in summary.deployed]
