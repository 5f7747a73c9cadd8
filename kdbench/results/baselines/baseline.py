"""A baseline: what `kdbench check` holds new results against. A folder of one JSON file and ONNX files."""

import json
from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import ConfigDict, Field, JsonValue, model_validator

from kdbench.results.predictions import Predictions
from kdbench.results.records import ModelFacts
from kdbench.results.stored import Key, Part, Stored
from kdbench.spec import Entry, Gate, Record, Suite, UserError
from kdbench.spec.choice import Several
from kdbench.spec.comparison import held
from kdbench.spec.planning.entry import Role
from kdbench.spec.task import Task

Seconds = Annotated[float, Field(ge=0, le=1e9)]
Place = tuple[str, str, str]


def place_of(entry: Entry) -> Place:
    """Pair, role and row, which the seeds of a row have in common."""
    return entry.pair, entry.role, entry.row


class BaselineError(UserError):
    """The baseline is missing, damaged or does not belong to this suite."""

    exit_code = 5


class BaselineRow(Entry):
    """One trial as it was: its place in the suite, which test samples it got right, and what else a gate may hold."""

    model_config = ConfigDict(allow_inf_nan=False)

    test: Predictions  # of the exported file on the clean test split
    chance: Part  # see `TrialResult.chance`
    conditions: dict[str, Part]  # top-1 by condition of the suite; without those it was not evaluated under
    right_everywhere: Part | None  # share of samples right on clean images and under every corruption
    variants: dict[str, Part]  # top-1 by variant
    training_seconds: Seconds  # alone and without a cache
    data_sha256: str

    @property
    def place(self) -> Place:
        return place_of(self)


def title_of(pair: str, role: str, rows: Sequence[str]) -> str:
    """What verdicts call an architecture: `big -> small / student / cross_entropy and 6 more rows`."""
    more = len(rows) - 1
    return f"{pair} / {role} / {rows[0]}" + (f" and {more} more row{'s' * (more > 1)}" if more else "")


class BaselineModel(Record):
    """One deployed architecture as it was: the rows of a pair that deploy it, its counts, and its ONNX file if kept.

    Most students of a pair share one; a loss that deploys more than the student, such as SimKD, has its own.
    """

    pair: str
    role: Role
    rows: Annotated[Several[str], Field(min_length=1)]
    facts: ModelFacts
    onnx: Annotated[str, Field(pattern=r"^[0-9a-f]{16}\.onnx$")] | None  # its name; none where no latency is gated

    @property
    def title(self) -> str:
        return title_of(self.pair, self.role, self.rows)


class Baseline(Stored):
    """The content of `baseline.json`."""

    suite: dict[str, JsonValue]  # resolved: the recipe, the data and the gates
    run: str  # the id of the run that was frozen
    rows: Several[BaselineRow]
    models: Several[BaselineModel]
    failed: Several[Key] = ()  # trials that had failed, or were no longer in the store, when it was frozen
    files: str = ""  # where the ONNX files are, a URL or a path from here; empty: beside this file
    task: Task | None  # of the students; the order of the classes is part of it
    machine: dict[str, JsonValue]
    frozen: str  # ISO 8601, UTC

    @model_validator(mode="after")
    def _fits(self) -> Self:
        """`JsonValue` lets numbers through that are none: raises `ValueError` for them."""
        json.dumps([self.suite, self.machine], allow_nan=False)
        return self

    @property
    def spec(self) -> Suite:
        return Suite.model_validate(self.suite)

    @property
    def gates(self) -> tuple[Gate, ...]:
        """What is held against it, one gate for each figure."""
        return held(self.spec.gates)

    @property
    def latency_margin(self) -> float | None:
        """The rise of latency that the suite's gates allow, as a share; none where latency is not gated."""
        return next((gate.limit for gate in self.gates if gate.metric == "latency"), None)

    @property
    def by_place(self) -> dict[Place, list[BaselineRow]]:
        """The seeds of each place."""
        groups: dict[Place, list[BaselineRow]] = {}
        for row in self.rows:
            groups.setdefault(row.place, []).append(row)
        return groups
