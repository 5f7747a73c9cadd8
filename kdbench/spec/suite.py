"""What a suite asks for: pairs, losses, ways of teaching and seeds on one dataset under one recipe."""

from collections.abc import Collection, Iterator, Mapping
from itertools import count, islice
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field, JsonValue, ValidationInfo, field_validator, model_validator

from kdbench.spec.choice import Choice, NamedChoice, Record, Several, about, by_use
from kdbench.spec.comparison import Budget, Gate, Tuning
from kdbench.spec.conditions import STANDARD, epsilon_of
from kdbench.spec.latency import LatencySpec
from kdbench.spec.recipe import TrainSpec
from kdbench.spec.trial import Checkpoint, DataSpec
from kdbench.spec.types import Count, FurtherSeeds, Positive, Seeds, is_count
from kdbench.spec.variants import Fp32, NamedVariant, distinct


def _leaves(table: Mapping[str, JsonValue], before: str = "") -> Iterator[tuple[str, JsonValue]]:
    """Every value of nested tables, by its dotted name."""
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{before}{name}.")
        elif value is not None:
            yield f"{before}{name}", value


class TeacherChoice(Choice):
    """A model that teaches: it is trained for the pair, unless it has its weights already."""

    OWN: ClassVar[tuple[str, ...]] = ("use", "weights")

    weights: Annotated[
        Checkpoint | None,
        about("A file of weights that were trained elsewhere; without, it is trained.", example="teacher.safetensors"),
    ] = None

    @model_validator(mode="before")
    @classmethod
    def _widen(cls, value: Any) -> Any:
        return value.model_dump() if type(value) is Choice else value

    @property
    def label(self) -> str:
        """`cnn(width=8, weights=teacher.safetensors)`."""
        written = {**self.options, **({"weights": self.weights.label} if self.weights else {})}
        return Choice(use=self.use, options=written).label

    @property
    def model(self) -> Choice:
        """The network alone."""
        return Choice(use=self.use, options=self.options, origin=self.origin)


class Pair(Record):
    """A teacher and the student that learns from it."""

    teacher: Annotated[TeacherChoice, about("A model: see `kdbench list models`.", example={"use": "cnn", "width": 16})]
    student: Annotated[Choice, about("A model, likewise.", example={"use": "cnn", "width": 4})]
    name: Annotated[str | None, about("What reports call the pair.", example="small")] = None
    lr: Annotated[
        Positive | None,
        about("The student's, where the recipe's does not suit it.", unit="times the gradient", example=0.01),
    ] = None

    @property
    def label(self) -> str:
        return self.name or f"{self.teacher.label} -> {self.student.label}"


class SweptChoice(NamedChoice):
    """A choice whose values may be swept in a suite file: see `spec/search/sweep.py`."""

    sweep: str = ""  # what the choice is called without what was swept, where this is one of its settings
    settings: dict[str, JsonValue] = Field(default_factory=dict)  # that were swept


class LossChoice(SweptChoice):
    """A loss, with changes of the recipe for it alone."""

    OWN: ClassVar[tuple[str, ...]] = ("use", "name", "lr", "train")

    lr: Annotated[
        JsonValue,
        about(
            "The student's under this loss, where neither the recipe's nor the pair's suits it; may be swept.",
            unit="times the gradient",
            example=0.02,
        ),
    ] = None
    train: Annotated[
        dict[str, JsonValue],
        about("Other keys of [train] but the epochs, for this loss alone; may be swept.", example={"batch_size": 64}),
    ] = Field(default_factory=dict)

    @property
    def label(self) -> str:
        """`kd(temperature=2, lr=0.1)`: the name, and what was written of options and recipe."""
        recipe = dict(_leaves({"lr": self.lr, "train": self.train}))
        written = Choice(use=self.use, options={**self.options, **recipe})
        return self.name or written.label

    def recipe(self, usual: TrainSpec) -> TrainSpec:
        """The recipe of a student under this loss. Raises `pydantic.ValidationError` for what no recipe has."""
        changes = dict(self.train)
        if self.lr is not None:
            optimizer = by_use(changes.get("optimizer"))
            changes["optimizer"] = {**(optimizer if isinstance(optimizer, dict) else {}), "lr": self.lr}
        return usual.changed(changes) if changes else usual


SEEDS_TO_CONFIRM = 5  # as many as a claim needs: `statistics.paired.SEEDS_FOR_A_CLAIM`
PART = "@"  # parts the name of a suite from what a run took of it: `fashion@seeds=2,losses=kd`
NAME = "^[a-z0-9][a-z0-9._-]*$"
OF_A_PART = f"{NAME[:-1]}({PART}[a-z0-9._~=,+-]+)?$"


class Suite(Record):
    """Everything one command runs: pairs x losses x ways of teaching x seeds on one dataset, under one recipe."""

    name: Annotated[
        str,
        Field(pattern=OF_A_PART, max_length=160, json_schema_extra={"pattern": NAME, "maxLength": 64}),
        about("Under which results and reports are kept.", example="my-suite"),
    ]
    description: Annotated[str, about("One line for `kdbench list suites`.", example="CNNs on photographs")] = ""
    data: Annotated[
        DataSpec,
        about("A dataset: see `kdbench list datasets`; a name in quotes, or a table.", example={"use": "digits"}),
    ]
    seeds: Annotated[
        Seeds,
        about(
            "How many, from 0, or which. All losses have the same, so that they are compared by seed; a claim takes 5.",
            unit="seeds",
            example=5,
        ),
    ] = (0, 1, 2)
    teacher_seeds: Annotated[
        Count, about("Teachers of each pair; students take turns with them.", unit="seeds", example=3)
    ] = 1  # see `teacher_seed`
    confirm_seeds: Annotated[
        FurtherSeeds | None,
        about(
            "Seeds at which the best loss and the student alone are trained once more: how many, or which; 0 for none. "
            "Without it, as many as the suite has, from 5 on.",
            unit="seeds",
            example=0,
        ),
    ] = None
    budget: Annotated[Budget, about("For how long students are trained.", example={"by": "epochs"})] = Budget()
    tuning: Annotated[
        Tuning | None,
        about(
            "The search for settings, as many tries for each loss. Without it, nothing is tuned.",
            example={"trials": 10},
        ),
    ] = None
    train: Annotated[TrainSpec, about("The recipe, the same for every loss.", example={"epochs": 20})] = TrainSpec()
    teacher_train: Annotated[
        TrainSpec | None, about("The teachers' recipe, where it is another.", example={"epochs": 40})
    ] = None
    view: Annotated[
        Choice,
        about(
            "How the student sees each image; teachers see it as it is.", example={"use": "gaussian_noise", "sd": 0.1}
        ),
    ] = Choice(use="clean")
    pairs: Annotated[
        tuple[Pair, ...],
        Field(min_length=1, strict=False),
        about("Teachers, each with the student that learns from it.", example=[{"teacher": "cnn", "student": "mlp"}]),
    ]
    losses: Annotated[
        tuple[LossChoice, ...],
        Field(min_length=1, strict=False),
        about(
            'What students learn by: see `kdbench list losses`; "cross_entropy" is the student alone. Options '
            "of a loss may be swept.",
            example=["cross_entropy", {"use": "kd", "temperature": {"grid": [2, 4]}}],
        ),
    ]
    teaching: Annotated[
        tuple[SweptChoice, ...],
        Field(min_length=1, strict=False),
        about(
            "Ways of teaching, each a row for every loss: see `kdbench list teaching`.",
            example=["single", {"use": "ensemble", "count": 3}],
        ),
    ] = (SweptChoice(use="single"),)
    conditions: Annotated[
        Several[NamedChoice],
        about(
            "Views that change the test images: corruptions, and attacks on the network. An empty list: none.",
            example=["gaussian_blur", {"use": "rotation", "degrees": 30.0}],
        ),
    ] = tuple(NamedChoice.model_validate(each) for each in STANDARD)
    metrics: Annotated[
        Several[NamedChoice],
        about("Beside accuracy and calibration: see `kdbench list metrics`.", example=["macro_f1"]),
    ] = ()
    variants: Annotated[
        Several[NamedVariant],
        AfterValidator(distinct),
        about("The forms in which models are deployed.", example=["fp32", {"use": "int8_static", "samples": 64}]),
    ] = (Fp32(),)
    latency: Annotated[LatencySpec, about("What is timed, of each architecture.", example={"batch_sizes": [1]})] = (
        LatencySpec()
    )
    gates: Annotated[
        Several[Gate],
        about("Limits for `kdbench check`.", example=[{"metric": "top1", "may_drop": 0.01}]),
    ] = ()

    @field_validator("seeds", mode="before")
    @classmethod
    def _count(cls, value: Any) -> Any:
        return tuple(range(value)) if is_count(value) else value

    @field_validator("confirm_seeds", mode="before")
    @classmethod
    def _further(cls, value: Any, info: ValidationInfo) -> Any:
        """As many seeds after those of the suite."""
        first = max(info.data.get("seeds", (0,))) + 1
        return tuple(range(first, first + value)) if is_count(value) else value

    @property
    def attacks(self) -> tuple[NamedChoice, ...]:
        """The conditions that are attacks on a network, within a distance epsilon."""
        return tuple(each for each in self.conditions if epsilon_of(each.options) is not None)

    @property
    def corruptions(self) -> tuple[NamedChoice, ...]:
        """The other conditions, which are the same images for every network."""
        return tuple(each for each in self.conditions if epsilon_of(each.options) is None)

    @property
    def confirming(self) -> tuple[int, ...]:
        """The seeds that take no part in choosing a candidate. Where none are given: as many as the suite's.

        With fewer seeds than a claim needs, or with a single loss, there is nothing to confirm, and there are none.
        """
        if self.confirm_seeds is not None:
            return self.confirm_seeds
        if len(self.seeds) < SEEDS_TO_CONFIRM or len(self.losses) < 2:
            return ()
        taken = self.tuning.seeds if self.tuning else ()
        return tuple(islice((seed for seed in count(max(self.seeds) + 1) if seed not in taken), len(self.seeds)))

    def with_seeds(self, number: int) -> "Suite":
        """The same with so many seeds, its own first, and without a confirmation: what a check goes on to train."""
        taken = self.tuning.seeds if self.tuning else ()
        further = (seed for seed in count(max(self.seeds) + 1) if seed not in taken)
        seeds = (*self.seeds, *islice(further, number - len(self.seeds)))
        name = f"{self.name}{',' if PART in self.name else PART}seeds={number}"
        return self.model_copy(update={"name": name, "seeds": seeds, "confirm_seeds": ()})

    def measured_for(self, gates: Collection[Gate]) -> "Suite":
        """The same with the conditions and variants alone that gates hold, and without latency: a check times anew."""
        conditions = {gate.condition for gate in gates}
        if any(gate.metric == "right_everywhere" for gate in gates):
            conditions |= {each.label for each in self.corruptions}
        variants = {"fp32", *(gate.variant for gate in gates)}
        kept = {
            "conditions": tuple(each for each in self.conditions if each.label in conditions),
            "variants": tuple(each for each in self.variants if each.label in variants),
            "latency": LatencySpec(batch_sizes=(), largest_batch=1),
        }
        return self.model_copy(update=kept)

    def teacher_seed(self, index: int, further: int = 0) -> int:
        """The seed of the teacher that the student of the seed number `index` learns from: teachers take turns.

        `further` counts on from it, for students with several teachers. Beyond the suite's seeds come the whole
        numbers above them.
        """
        number = index % self.teacher_seeds + further
        return self.seeds[number] if number < len(self.seeds) else max(self.seeds) + 1 + number - len(self.seeds)
