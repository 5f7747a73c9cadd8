"""What forbids a comparison: trials that are not there, other data or corruptions, a processor of another class."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from pydantic import JsonValue

from kdbench.analyze.gate.figures import Figure
from kdbench.analyze.gate.verdict import Status
from kdbench.results import Baseline, RunRecord
from kdbench.results.baselines.baseline import BaselineRow, place_of
from kdbench.results.keys import unnamed
from kdbench.results.machine.processor import int8_saturates
from kdbench.spec import Gate, Suite, content_key


@dataclass(frozen=True)
class Obstacle:
    """Why the seeds of a row are not compared, and the status that follows."""

    status: Status
    message: str
    measured: bool = False


@dataclass(frozen=True)
class Sides:
    """A baseline, and a run as the baseline that it would freeze to."""

    baseline: Baseline
    now: Baseline
    run: RunRecord

    @cached_property
    def _suites(self) -> tuple[Suite, Suite]:
        return self.baseline.spec, self.now.spec

    def obstacle(
        self, figure: Figure, rows: Sequence[BaselineRow], found: Sequence[BaselineRow | None]
    ) -> Obstacle | None:
        """The first that there is: `rows` are of the baseline, `found` what the run has of their seeds."""
        pairs = [(was, now) for was, now in zip(rows, found, strict=True) if now is not None]
        return (
            self._missing([row for row, now in zip(rows, found, strict=True) if now is None])
            or self._unlike_data(pairs)
            or self._unlike_conditions(figure)
            or self._unlike_machine(figure)
            or _no_figure(figure, pairs)
        )

    def _missing(self, rows: Sequence[BaselineRow]) -> Obstacle | None:
        """A trial that the suite asks for and that failed is a regression: missing figures never pass."""
        keys = {(*place_of(entry), entry.seed): entry.key for entry in self.run.entries}
        reasons, asked = [], True
        for row in rows:
            key = keys.get((*row.place, row.seed))
            outcome = self.run.outcomes.get(key or "")
            if key is None:
                asked = False
                reason = "the suite no longer asks for it; freeze a new baseline"
            elif outcome is None or outcome.status == "done":
                reason = "no record of it"
            else:
                reason = f"{outcome.status}: {outcome.reason or 'no reason was recorded'}"
            reasons.append(f"seed {row.seed}: {reason}")
        return Obstacle("regressed" if asked else "invalid", "; ".join(reasons)) if rows else None

    def _unlike_data(self, pairs: Sequence[tuple[BaselineRow, BaselineRow]]) -> Obstacle | None:
        classes = [
            [head.class_names for head in side.task.heads] if side.task else [] for side in (self.baseline, self.now)
        ]
        if classes[0] != classes[1]:
            text = "the classes are others than the baseline's, or in another order; freeze a new baseline"
            return Obstacle("invalid", text, measured=True)
        for was, now in pairs:
            if was.test.samples != now.test.samples:
                change = f"{was.test.samples} samples before, {now.test.samples} now"
                text = f"the test split has changed ({change}); freeze a new baseline"
                return Obstacle("invalid", text, measured=True)
            if was.data_sha256 != now.data_sha256:
                change = f"its SHA-256 was {was.data_sha256[:12]}, is {now.data_sha256[:12]}"
                text = f"the data is not the baseline's ({change}): restore it, or freeze a new baseline"
                return Obstacle("invalid", text, measured=True)
        return None

    def _unlike_conditions(self, figure: Figure) -> Obstacle | None:
        """Another corruption under the same name, or others of which all count, are another figure."""
        was, now = (_conditions(suite, figure.gate) for suite in self._suites)
        if was == now:
            return None
        of = f"the condition '{figure.gate.condition}' is" if figure.gate.condition else "the corruptions are"
        text = f"{of} not the baseline's: restore what it was, or freeze a new baseline"
        return Obstacle("invalid", text, measured=True)

    def _unlike_machine(self, figure: Figure) -> Obstacle | None:
        """Seconds are of one processor. So are sums of 8-bit products, of which there are two classes (decision 15)."""
        was, now = self.baseline.machine, self.now.machine
        if figure.seconds and any(was.get(fact) != now.get(fact) for fact in ("cpu", "instruction_set")):
            text = f"trained on {was.get('cpu') or 'an unknown processor'} before, on {now.get('cpu') or 'one'} now"
            advice = "seconds of unlike processors are not compared; freeze a baseline here"
            return Obstacle("inconclusive", f"{text}: {advice}")
        if (figure.gate.variant or "").startswith("int8") and _sums(self.baseline) != _sums(self.now):
            text = f"the baseline's processor adds 8-bit products {_sums(self.baseline)}, this one {_sums(self.now)}"
            advice = "freeze a baseline on such a processor"
            return Obstacle("invalid", f"{text}: {advice}", measured=True)
        return None


def _conditions(suite: Suite, gate: Gate) -> list[dict[str, JsonValue]]:
    """Those that a gate holds figures under, in any order."""
    everywhere = gate.metric == "right_everywhere"
    held = suite.corruptions if everywhere else [each for each in suite.conditions if each.label == gate.condition]
    return sorted(map(unnamed, held), key=content_key)


def _sums(baseline: Baseline) -> str:
    known = baseline.machine.get("instruction_set")
    saturates = int8_saturates([str(each) for each in known] if isinstance(known, list) else None)
    return "in a way that is not known" if saturates is None else "with saturation" if saturates else "exactly"


def _no_figure(figure: Figure, pairs: Sequence[tuple[BaselineRow, BaselineRow]]) -> Obstacle | None:
    for place, side in (("the baseline", 0), ("this run", 1)):
        if any(figure.read(pair[side]) is None for pair in pairs):
            return Obstacle("inconclusive", f"{place} does not have this figure of every seed")
    return None
