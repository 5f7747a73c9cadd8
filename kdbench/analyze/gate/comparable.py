"""What forbids a comparison with a baseline: other data, another order of classes, a processor of another class."""

from collections.abc import Iterable

from kdbench.analyze.gate.figures import Figure
from kdbench.analyze.gate.verdict import Status
from kdbench.results import Baseline
from kdbench.results.baselines.baseline import BaselineRow
from kdbench.results.machine.processor import int8_saturates


def unlike_data(baseline: Baseline, now: Baseline, pairs: Iterable[tuple[BaselineRow, BaselineRow]]) -> str:
    """Why rows of a baseline and of a run are not of the same data; empty where they are."""
    heads = [[head.class_names for head in side.task.heads] if side.task else [] for side in (baseline, now)]
    if heads[0] != heads[1]:
        return "the classes are others than the baseline's, or in another order; freeze a new baseline"
    for row, new in pairs:
        if row.test.samples != new.test.samples:
            change = f"{row.test.samples} samples before, {new.test.samples} now"
            return f"the test split has changed ({change}); freeze a new baseline"
        if row.data_sha256 != new.data_sha256:
            return (
                f"the data is not the baseline's (its SHA-256 was {row.data_sha256[:12]}, is {new.data_sha256[:12]}): "
                "restore it, or freeze a new baseline"
            )
    return ""


def unlike_machine(figure: Figure, baseline: Baseline, now: Baseline) -> tuple[Status, str] | None:
    """The status of a figure that depends on the processor, and why; None where both sides are of one class."""
    was, here = baseline.machine, now.machine
    if figure.seconds and any(was.get(fact) != here.get(fact) for fact in ("cpu", "instruction_set")):
        text = f"trained on {was.get('cpu') or 'an unknown processor'} before, on {here.get('cpu') or 'one'} now"
        return "inconclusive", f"{text}: seconds of unlike processors are not compared; freeze a baseline here"
    if (figure.gate.variant or "").startswith("int8") and _sums(baseline) != _sums(now):
        text = f"the baseline's processor computes sums of 8-bit products {_sums(baseline)}, this one {_sums(now)}"
        return "invalid", f"{text} (decision 15); freeze a baseline for such processors"
    return None


def _sums(baseline: Baseline) -> str:
    known = baseline.machine.get("instruction_set")
    saturates = int8_saturates([str(each) for each in known] if isinstance(known, list) else None)
    return "in a way that is not known" if saturates is None else "with saturation" if saturates else "exactly"
