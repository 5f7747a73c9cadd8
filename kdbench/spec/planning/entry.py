"""What a plan has trials for: rows of the report, steps towards them, tries of the tuning, confirmations."""

from typing import Literal

from pydantic import Field, JsonValue

from kdbench.spec.choice import Choice, Record
from kdbench.spec.suite import Suite

ALONE = Choice(use="cross_entropy")
Role = Literal["teacher", "student", "member", "ensemble", "step", "stage", "try", "confirmation", "variant"]
# What is exported, evaluated under all conditions and timed. Teachers and students stand in rows of their own.
REPORTED: tuple[Role, ...] = ("teacher", "student", "member", "ensemble")
SINGLE = "single"  # the usual way of teaching, which rows do not name


def loss_alone(suite: Suite) -> str | None:
    """The label of the loss that trains the student on labels alone."""
    return next((loss.label for loss in suite.losses if loss.use == ALONE.use), None)


def row_name(loss: str, teaching: str, budget: float = 1.0, tuned: bool = False) -> str:
    """What reports call a row, from its loss, its way of teaching and its budget: `kd, generations(count=3), tuned`.

    The usual way (`single`) and the usual budget (1) are left out: `kd`.
    """
    way = teaching if teaching != SINGLE else ""
    longer = f"{budget:.3g} x epochs" if budget != 1 else ""
    return ", ".join(filter(None, (loss, way, "tuned" if tuned else "", longer)))


class Entry(Record):
    """Which trial stands in a row of the suite for one seed, or what else it is there for.

    A `member` is a teacher of another architecture than the pair's, an `ensemble` several networks as one. A `step`
    leads to a row's student; a `stage` is one that is exported and evaluated on clean images, too. A `try` is one of
    the settings that the tuning chooses among. A `confirmation` trains a row at a seed that took no part in choosing
    that row. A `variant` is a row's student trained further for a form in which it is deployed.
    """

    pair: str
    role: Role
    model: str
    loss: str
    teaching: str = ""  # the way of teaching; empty for teachers and for plain students without a teacher
    seed: int
    position: int = 0  # among what comes one after the other in its row: generations, tries
    key: str
    budget: float = 1.0  # epochs over those of the recipe
    tuned: bool = False  # under the settings that the tuning chose
    sweep: str = ""  # the label of the loss that it is a swept setting of
    # Where tuned, tried or swept: options, `lr` and keys of `train` that differ from the suite's.
    settings: dict[str, JsonValue] = Field(default_factory=dict)
    variant: str = ""  # the label of the variant that it is trained for

    @property
    def row(self) -> str:
        """What reports call its row: see `row_name`."""
        return row_name(self.loss, self.teaching, self.budget, self.tuned)

    @property
    def title(self) -> str:
        """What it is in its pair: `teacher`, its row, or for a step `kd, generations(count=3), step 1`."""
        match self.role:
            case "teacher" | "member":
                return "teacher"
            case "student":
                return self.row
            case "confirmation":
                return f"{self.row}, confirmation"
            case "variant":
                return f"{self.row}, {self.variant}"
            case "ensemble":
                return f"{self.row}, the ensemble itself"
        return f"{self.row}, {self.role} {self.position}"
