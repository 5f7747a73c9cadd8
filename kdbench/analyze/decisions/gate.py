"""Whether new results are worse than a baseline: one entry a comparison, and the exit code that follows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

from kdbench.analyze.decisions.accuracy_gate import GateEntry, Status, judge_accuracy
from kdbench.analyze.decisions.gate_power import what_the_gate_sees
from kdbench.results import Baseline, LatencyComparison, ResultSet
from kdbench.results.baseline import BaselineModel, counterparts, moved_pairs
from kdbench.results.timings import slice_minima, slice_p50s
from kdbench.statistics.ratios import RatioBounds, judge_ratio

COUNTS: tuple[tuple[Literal["parameters", "flops", "onnx_bytes"], str], ...] = (
    ("parameters", "parameters"),
    ("flops", "FLOPs per sample"),
    ("onnx_bytes", "bytes of ONNX"),
)


@dataclass(frozen=True)
class Verdict:
    """All entries of a check. `notes` are differences that do not affect it, such as another ONNX Runtime."""

    suite: str
    entries: tuple[GateEntry, ...]
    notes: tuple[str, ...] = ()
    sees: str = ""  # what the accuracy gate can see with these seeds, in a sentence
    asked: str = ""  # what runs the suite again: its name or file, and the options of its part

    @property
    def measured(self) -> int:
        """The number of entries that compared a figure with the baseline's and judged it."""
        return sum(entry.measured and entry.status != "unjudged" for entry in self.entries)

    @property
    def status(self) -> Status:
        """The worst status of the judged entries; 'inconclusive' where nothing was measured."""
        found = {entry.status for entry in self.entries}
        if not self.measured:
            return "fail" if any(entry.status == "fail" for entry in self.entries) else "inconclusive"
        order: tuple[Status, ...] = ("fail", "invalid", "inconclusive", "pass")
        return next(status for status in order if status in found)

    def exit_code(self, strict: bool) -> int:
        """0 pass, 3 regression, 4 inconclusive (under strict), 5 incompatible baseline, 6 nothing measured."""
        if not self.measured:
            return 6
        inconclusive = 4 if strict else 0
        codes: dict[Status, int] = {"pass": 0, "fail": 3, "invalid": 5, "inconclusive": inconclusive}
        return codes[self.status]


def judge(baseline: Baseline, results: ResultSet, comparisons: Sequence[LatencyComparison], asked: str = "") -> Verdict:
    """Hold results against a baseline: accuracy by seed, latency by interleaved slices, sizes exactly."""
    # Only comparisons that were timed share the error. During timing their number is unknown, and all share it.
    family = max(1, sum(bool(comparison.sessions) for comparison in comparisons))
    margin = baseline.latency_margin
    entries = [
        *judge_accuracy(baseline, results),
        *(_judge_latency(comparison, margin, family) for comparison in comparisons),
        *(entry for model in baseline.models for entry in _judge_counts(model, results)),
    ]
    sees = what_the_gate_sees(baseline)
    name = baseline.spec.name
    return Verdict(name, tuple(entries), _notes(baseline, results), sees, asked or name)


def _judge_latency(comparison: LatencyComparison, margin: float, family: int) -> GateEntry:
    what = f"{comparison.what} / {comparison.how.label}"
    if not comparison.sessions:
        reason = comparison.reason or "no reason was recorded"
        return GateEntry("latency", what, "inconclusive", f"not measured: {reason}", limit=1 + margin, measured=False)
    try:
        sessions = comparison.sessions
        found = judge_ratio(slice_p50s(sessions), slice_minima(sessions), margin, family=family)
    except ValueError as error:
        return GateEntry("latency", what, "invalid", f"{error}", limit=1 + margin, measured=False)
    if found.p50 is None or found.minimum is None:
        text = f"{found.sessions} sessions are too few: their spread is unknown"
        return GateEntry("latency", what, "inconclusive", text, limit=1 + margin, n=found.sessions)
    status: Status = "inconclusive" if found.status == "undecided" else found.status
    message = f"p50 {_ratio(found.p50)}, minimum {_ratio(found.minimum)}, allowed 1 + {100 * margin:g} %"
    if status == "inconclusive":
        message += "; the bounds lie on both sides of the limit, or p50 and minimum disagree"
    return GateEntry(
        kind="latency",
        what=what,
        status=status,
        message=message,
        estimate=found.p50.estimate,
        lower=found.p50.lower,
        upper=found.p50.upper,
        limit=1 + margin,
        n=found.pairs,
    )


def _ratio(bounds: RatioBounds) -> str:
    return f"x{bounds.estimate:.3f} (one-sided bounds {bounds.lower:.3f} and {bounds.upper:.3f}, 99 % over all looks)"


def _judge_counts(model: BaselineModel, results: ResultSet) -> list[GateEntry]:
    """Parameters, FLOPs and bytes of what an architecture's rows deploy now: more is a regression, fewer is noted."""
    found = counterparts(model, results)
    if not found:
        text = "no such model finished in this run, so its size is unknown"
        return [GateEntry("parameters", model.title, "fail", text, measured=False)]
    entries = []
    for each, (field, unit) in product(found, COUNTS):
        was, now = getattr(model.facts, field), getattr(each.result.model, field)
        change = f"{was:,} {unit} as before" if now == was else f"{was:,} before, {now:,} {unit} now ({now - was:+,})"
        status: Status = "fail" if now > was else "pass"
        entries.append(GateEntry(field, each.title, status, change, baseline=was, current=now, limit=was))
    return entries


def _notes(baseline: Baseline, results: ResultSet) -> tuple[str, ...]:
    """Differences of operators, machine and versions, which may explain a verdict."""
    moved = moved_pairs(baseline.spec, results.suite)
    notes = [f"the pair '{was}' of the baseline is '{now}' now" for was, now in moved.items()]
    for was, now in ((model, each) for model in baseline.models for each in counterparts(model, results)):
        before, after = was.facts, now.result.model
        if changed := _changes(before.operators, after.operators):
            notes.append(f"{now.title}: operators differ: {changed}")
        if was.role == "student" and after.onnx_sha256 == before.onnx_sha256:
            notes.append(f"{now.title}: not timed: the ONNX file is the baseline's, byte for byte")
        if after.opset != before.opset:
            notes.append(f"{now.title}: opset {before.opset} before, {after.opset} now")
    for fact in ("cpu", "gpus", "system"):
        there, here = baseline.machine.get(fact), results.run.machine.get(fact)
        if there != here:
            notes.append(f"machine: {fact} was {there or 'unknown'}, is {here or 'unknown'}")
    versions = (baseline.machine.get("versions"), results.run.machine.get("versions"))
    if isinstance(versions[0], dict) and isinstance(versions[1], dict):
        notes += [f"versions: {text}" for text in (_changes(versions[0], versions[1]),) if text]
    return tuple(notes)


def _changes(before: Mapping[str, object], after: Mapping[str, object]) -> str:
    """`Conv 4 -> 5, Relu 3 -> none` over all names whose values differ."""
    names = sorted(before.keys() | after.keys())
    differing = [name for name in names if before.get(name) != after.get(name)]
    return ", ".join(f"{name} {_or_none(before.get(name))} -> {_or_none(after.get(name))}" for name in differing)


def _or_none(value: object) -> object:
    return "none" if value is None else value
