"""What a check found: one entry a comparison, and the exit code that follows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from kdbench.analyze.comparisons.changes import Change
from kdbench.spec.comparison import OF_SEEDS, Metric

# 'unjudged': shown without effect on the verdict, because one seed has no spread to judge by.
Status = Literal["pass", "regressed", "inconclusive", "invalid", "unjudged"]
WORST_FIRST: tuple[Status, ...] = ("regressed", "invalid", "inconclusive", "unjudged", "pass")
# By the words of the tests that decide.
STATUSES: dict[Literal["pass", "fail", "undecided"], Status] = {
    "pass": "pass",
    "fail": "regressed",
    "undecided": "inconclusive",
}
FIGURES: dict[Metric, str] = {
    "top1": "top-1",
    "right_everywhere": "share right everywhere",
    "ece": "expected calibration error",
    "training_seconds": "seconds of training",
    "latency": "latency",
    "parameters": "parameters",
    "flops": "FLOPs",
    "onnx_bytes": "ONNX bytes",
    "operators": "operators",
}


@dataclass(frozen=True)
class GateEntry:
    """A figure against its baseline: shares as fractions, seconds and latency as ratio new / baseline, counts as such.

    `baseline` and `current` of a latency are microseconds.

    `message` tells estimate, bounds, what is allowed, and of how many seeds or slices.
    """

    kind: Metric
    what: str  # pair / role / row or timing; then the condition or the variant
    status: Status
    message: str
    baseline: float | None = None
    current: float | None = None
    estimate: float | None = None  # difference of a share, or ratio
    lower: float | None = None  # one-sided bound
    upper: float | None = None
    limit: float | None = None  # of a share the change, of a ratio the ratio, of counts the count that is allowed
    n: int | None = None  # seeds or sessions
    architectures: tuple[str, str] | None = None  # of a latency: the baseline's, and the one that is timed against it
    measured: bool = True  # whether a figure was there to compare
    improved: bool = False  # whether it is shown to be better than the baseline's
    evidence: tuple[str, ...] = ()  # how the verdict came about: the values, and the rule with what it found

    @property
    def sentence(self) -> str:
        """`p / student / kd: top-1 regressed: −2.00 points over 5 seeds (...), allowed −0.50`."""
        word = (
            "improved" if self.improved else {"pass": "passed", "unjudged": "not judged"}.get(self.status, self.status)
        )
        return f"{self.what}: {FIGURES[self.kind]} {word}: {self.message}"


@dataclass(frozen=True)
class Verdict:
    """All entries of a check. `notes` are differences that do not affect it, such as another ONNX Runtime."""

    suite: str
    entries: tuple[GateEntry, ...]
    notes: tuple[str, ...] = ()
    sees: str = ""  # what the gates of seeds can see, in a sentence
    rebaseline: str = ""  # the commands that measure and freeze anew
    covers: str = ""  # what the baseline holds, in a sentence
    beyond: tuple[str, ...] = ()  # what the suite has and the baseline does not hold
    # What may explain a regression: what differs in the "suite", the "packages" and the "machine" with its commits.
    changed: Mapping[str, tuple[Change, ...]] = field(default_factory=dict)

    @property
    def measured(self) -> int:
        """The number of entries that compared a figure with the baseline's and judged it."""
        return sum(entry.measured and entry.status != "unjudged" for entry in self.entries)

    @property
    def worst_first(self) -> tuple[GateEntry, ...]:
        """The entries, those that need a look before the others."""
        return tuple(sorted(self.entries, key=lambda entry: WORST_FIRST.index(entry.status)))

    @property
    def lacks_seeds(self) -> bool:
        """Whether nothing is against it but figures that more seeds may decide."""
        undecided = [entry for entry in self.entries if entry.status == "inconclusive" and entry.measured]
        return self.status == "inconclusive" and any(entry.kind in OF_SEEDS for entry in undecided)

    @property
    def improvements(self) -> tuple[GateEntry, ...]:
        """What is shown to be better than the baseline, which does not hold it."""
        return tuple(entry for entry in self.entries if entry.improved)

    @property
    def outdated(self) -> bool:
        """Whether a new baseline may be what the user wants: there is a figure that this one does not hold."""
        return bool(self.measured) and (
            self.status in ("regressed", "invalid") or bool(self.improvements or self.beyond)
        )

    @property
    def status(self) -> Status:
        """The worst status of the judged entries; 'inconclusive' where nothing was measured."""
        found = {entry.status for entry in self.entries}
        if not self.measured:
            return "regressed" if "regressed" in found else "inconclusive"
        order: tuple[Status, ...] = ("regressed", "invalid", "inconclusive", "pass")
        return next(status for status in order if status in found)

    def exit_code(self, strict: bool) -> int:
        """0 pass, 3 regression, 4 inconclusive (under strict), 5 incompatible baseline, 6 nothing measured."""
        if not self.measured:
            return 6
        inconclusive = 4 if strict else 0
        codes: dict[Status, int] = {"pass": 0, "regressed": 3, "invalid": 5, "inconclusive": inconclusive}
        return codes[self.status]
