"""What was computed of a run as data frames. What was recorded: `kdbench.results.frames`."""

from typing import TYPE_CHECKING

from kdbench.analyze.deployment.architectures import Deployed, Timing
from kdbench.analyze.models.rows import Gain, StudentRow
from kdbench.analyze.summary import Summary

if TYPE_CHECKING:
    import pandas as pd


def gain_frame(summary: Summary) -> "pd.DataFrame":
    """One row for each student and what it is compared at equal of: `gains` of docs/python.md."""
    import pandas as pd

    rows = [_gain(summary, row, gain) for row in summary.students for gain in row.gains.values()]
    return pd.DataFrame(rows)


def latency_frame(summary: Summary) -> "pd.DataFrame":
    """One row for each deployed architecture and way of timing: `latencies` of docs/python.md."""
    import pandas as pd

    rows = []
    for deployed in summary.deployed:
        names = _architecture(summary, deployed)
        rows += [{**names, **each.how.model_dump(), **_timing(each)} for each in deployed.timings]
        rows += [{**names, **each.how.model_dump(), "reason": each.reason} for each in deployed.not_measured]
    return pd.DataFrame(rows)


def _gain(summary: Summary, row: StudentRow, gain: Gain) -> dict[str, object]:
    difference, interval = gain.difference, gain.difference.estimate.interval
    return {
        "suite": summary.suite.name,
        "pair": row.pair,
        "row": row.row,
        "model": row.model,
        "loss": row.loss,
        "teaching": row.teaching,
        "budget": row.budget,
        "tuned": row.tuned,
        "sweep": row.sweep,
        **{f"setting {name}": value for name, value in row.settings.items()},
        "equal": gain.equal,
        "seeds": len(difference.seeds),
        "gain": difference.estimate.mean,
        "low": interval.low if interval else None,
        "high": interval.high if interval else None,
        "holm_p": gain.holm_p,
        "least_detectable": difference.least_detectable,
        "verdict": gain.verdict if difference.claims or gain.verdict == "unstable" else "no claim",
    }


def _architecture(summary: Summary, deployed: Deployed) -> dict[str, object]:
    return {
        "suite": summary.suite.name,
        "architecture": deployed.architecture,
        "models": ", ".join(dict.fromkeys(model for _, model in deployed.models)),
        "variant": deployed.variant,
    }


def _timing(timing: Timing) -> dict[str, object]:
    times, ratio = timing.times, timing.ratio
    return {
        "calls": times.calls,
        "p50_microseconds": times.p50,
        "p90_microseconds": times.p90.value if times.p90 else None,
        "p99_microseconds": times.p99.value if times.p99 else None,
        "samples_per_second": times.samples_per_second,
        "ratio": ratio.estimate if ratio else None,
        "ratio_low": ratio.low if ratio else None,
        "ratio_high": ratio.high if ratio else None,
        "settled": timing.settled,
        "load_seconds": timing.load_seconds,
        "first_run_seconds": timing.first_run_seconds,
        "memory_bytes": timing.memory_bytes,
        "joules_per_sample": timing.energy.joules_per_unit,
        "reason": None,
    }
