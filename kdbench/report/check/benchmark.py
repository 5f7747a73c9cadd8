"""Timed latencies as JSON of pytest-benchmark, whose `compare` shows baseline and new side by side.

A round is a slice of some milliseconds, and its time the median of its calls.
"""

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import JsonValue

from kdbench.results import LatencyComparison
from kdbench.results.store import write_whole

SECONDS = 1e-6  # of a microsecond


def write_benchmarks(
    comparisons: Sequence[LatencyComparison], machine: Mapping[str, JsonValue], checked: str, folder: Path
) -> tuple[Path, ...]:
    """Write `0001_baseline.json` and `0002_now.json` into a folder; where nothing was timed, none are left there."""
    timed = [each for each in comparisons if each.sessions]
    written = []
    for name, side in (("0001_baseline", "reference_p50"), ("0002_now", "candidate_p50")):
        path = folder / f"{name}.json"
        if not timed:
            path.unlink(missing_ok=True)
            continue
        content = {
            "machine_info": {"node": "", "machine": "", "cpu": {"brand_raw": machine.get("cpu")}, **_system(machine)},
            "commit_info": {"id": machine.get("commit") or "unversioned", "dirty": False},
            "benchmarks": [_benchmark(each, side) for each in timed],
            "datetime": checked,
            "version": "4.0.0",
        }
        write_whole(path, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
        written.append(path)
    return tuple(written)


def _system(machine: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    return {"system": machine.get("system"), "python_version": machine.get("python")}


def _benchmark(comparison: LatencyComparison, side: str) -> dict[str, JsonValue]:
    name = f"{comparison.what} / {comparison.how.label}"
    slices = [SECONDS * float(getattr(pair, side)) for session in comparison.sessions for pair in session]
    return {
        "group": None,
        "name": name,
        "fullname": name,
        "params": None,
        "param": None,
        "extra_info": {"sessions": len(comparison.sessions)},
        "options": {"warmup": True},
        "stats": _stats(slices),
    }


def _stats(times: list[float]) -> dict[str, JsonValue]:
    """As `pytest_benchmark.stats.Stats` has them; quartiles are interpolated."""
    mean, spread = statistics.mean(times), statistics.stdev(times) if len(times) > 1 else 0.0
    q1, median, q3 = statistics.quantiles(times, method="inclusive") if len(times) > 1 else times * 3
    low, high = q1 - 1.5 * (q3 - q1), q3 + 1.5 * (q3 - q1)
    beyond = sum(not mean - spread <= time <= mean + spread for time in times)
    far = sum(not low <= time <= high for time in times)
    return {
        "min": min(times),
        "max": max(times),
        "mean": mean,
        "stddev": spread,
        "rounds": len(times),
        "median": median,
        "iqr": q3 - q1,
        "q1": q1,
        "q3": q3,
        "iqr_outliers": far,
        "stddev_outliers": beyond,
        "outliers": f"{beyond};{far}",
        "ld15iqr": min(time for time in times if time >= low),
        "hd15iqr": max(time for time in times if time <= high),
        "ops": 1 / mean,
        "total": math.fsum(times),
        "iterations": 1,
        "data": list(times),
    }
