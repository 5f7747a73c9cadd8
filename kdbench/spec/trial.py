"""The trial: one set of weights, what it is trained on, and what it learns from."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from kdbench.spec.choice import Choice, Record, Several, about, open_table
from kdbench.spec.errors import nearest
from kdbench.spec.keys import Neutral, Unkeyed, content_key, record_content
from kdbench.spec.recipe import TrainSpec
from kdbench.spec.task import Columns, HeadSpec, Pixels, overlap, select_columns
from kdbench.spec.types import Positive, Seed, WholeNumber

# Part of every key: raise it when a change of kdbench alters the numbers that a trial yields.
RECIPE = 2

Mean = Literal["probabilities", "logits"]
Combine = Literal["probabilities", "logits", "confidence"]


def _several(value: Any) -> Any:
    """One name stands for itself."""
    return (value,) if isinstance(value, str) else value


class DataSpec(Record):
    """A dataset and which samples of its training split are used; validation is held out first."""

    dataset: Choice
    parts: Annotated[
        Several[Choice],
        about(
            "Which training samples are used: parts are taken in order, see `kdbench list parts`. Without any: all.",
            example=[{"use": "fraction", "share": 0.1}],
        ),
    ] = ()
    labelled: Annotated[
        Several[Choice],
        about(
            "Which of these keep their labels, likewise. Without any: all.", example=[{"use": "per_class", "count": 4}]
        ),
    ] = ()
    validation: Annotated[
        float, Field(gt=0, lt=1), about("Held out of the training split first.", unit="share", example=0.2)
    ] = 0.1
    split_seed: Annotated[
        Seed, about("Decides which samples these are, for all trials alike.", unit="seed number", example=1)
    ] = 0

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"dataset": value}
        if isinstance(value, dict) and "dataset" not in value:
            own = {k: v for k, v in value.items() if k in cls.model_fields}
            own["dataset"] = {k: v for k, v in value.items() if k not in cls.model_fields}
            return own
        return value

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return open_table(core, handler, show=("parts", "labelled", "validation", "split_seed"))


class Lesson(Record):
    """What a trial learns from: one loss, under the labels alone or under teachers whose outputs are combined."""

    loss: Choice
    teachers: Several[str] = ()  # keys of trials
    combine: Combine | None = None  # how the outputs of several teachers become those of one
    weight: Neutral[Positive] = 1.0  # of this lesson in the sum of all
    labels: Neutral[bool] = True  # whether the loss may see them
    clean: Neutral[bool] = False  # whether the student sees the images without the trial's view
    heads: Several[str] = ()  # whose columns it sees, of the student and of its teachers alike; none: all
    peers: Several[str] = ()  # heads of the trial's own network that teach, too; no gradient reaches them
    part: Choice | None = None  # of the training samples; none: all

    @model_validator(mode="before")
    @classmethod
    def _read_older(cls, value: Any) -> Any:
        """Records from before there were heads have `head`, always null."""
        if isinstance(value, dict) and value.get("head", 0) is None:
            return {name: field for name, field in value.items() if name != "head"}
        return value

    @model_validator(mode="after")
    def _fits(self) -> "Lesson":
        teachers = len(self.teachers) + len(self.peers)
        if (teachers > 1) != (self.combine is not None):
            raise ValueError(
                f"a lesson with {teachers} teachers has combine = {self.combine!r}: several teachers need "
                "'probabilities', 'logits' or 'confidence', and a single one takes none"
            )
        if self.combine == "confidence" and not self.labels:
            raise ValueError("combine = 'confidence' weighs teachers by the labels, which labels = false keeps from it")
        if len({*self.teachers, *self.peers}) < teachers:
            raise ValueError("a lesson names the same teacher twice")
        if len({*self.heads}) < len(self.heads):
            raise ValueError(f"a lesson names a head twice: {', '.join(self.heads)}")
        return self


class Checkpoint(Record):
    """Weights that were trained elsewhere. Of a file the key has its content, so that it may lie anywhere."""

    file: Annotated[
        Unkeyed[str],
        about("Of safetensors, torch or ONNX; its path begins at the suite file.", example="teacher.safetensors"),
    ] = ""
    published: Annotated[
        str,
        about("In place of a file: the name that torchvision has for them, or timm's tag.", example="IMAGENET1K_V1"),
    ] = ""
    pixels: Annotated[
        Neutral[Pixels],
        about(
            "What the network takes: images normalized by the training split (standard), values from 0 to 1 (unit), as "
            "stored (raw), or normalized by ImageNet's mean and deviation, which is the default of published ones.",
            example="imagenet",
        ),
    ] = "standard"
    tune: Annotated[
        Neutral[bool],
        about(
            "Whether the teacher is trained further, as others are; its last layer begins anew where classes differ.",
            example=True,
        ),
    ] = False
    sha256: str = ""  # of the file, once it is looked up

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"file": value}
        if isinstance(value, dict) and value.get("published"):
            return {"pixels": "imagenet", **value}
        return value

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if bool(self.file) == bool(self.published):
            raise ValueError('weights are those of a file or published: give one, as weights = "teacher.safetensors"')
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler.resolve_ref_schema(handler(core))
        schema["properties"].pop("sha256")
        return {"title": schema["title"], "description": schema["description"], "anyOf": [{"type": "string"}, schema]}

    @property
    def label(self) -> str:
        """The file's name, or that of published weights."""
        return self.published or Path(self.file).name


class Trial(Record):
    """One set of weights: a model that is trained once.

    It names other trials by their keys. Training begins with the weights of `start`: of several with their mean,
    weighted by `merge`. With 0 epochs nothing is trained, and the mean itself is the result. A trial that trains a
    `span` of its recipe goes on where another ended: learning rate, orders and views are those of these epochs.

    With `combine` it is an ensemble: a network that holds all of `start` as they are, whichever their architectures,
    and gives the mean of their outputs. It is not trained, and `model` is that of the first of them.

    With `weights` it is a network that was trained elsewhere. It is validated, and not trained unless they say `tune`.

    The network has the columns of all `heads`, in order. Of a trial that starts from another and trains for 0 epochs,
    `deploys` takes other heads out of the same weights.
    """

    model: Choice
    data: DataSpec
    lessons: Annotated[tuple[Lesson, ...], Field(min_length=1, strict=False)]
    train: TrainSpec
    view: Neutral[Choice] = Choice(use="clean")  # of the student alone; teachers see the images as they are
    seed: WholeNumber
    start: Several[str] = ()
    # A weight for each of `start`, or for each as many as it has training samples; none: all alike.
    merge: Several[Positive] | Literal["samples"] = ()
    # Of the recipe's epochs those that it trains: after the first number, up to the second; none: all.
    span: Annotated[tuple[WholeNumber, WholeNumber], Field(strict=False)] | None = None
    combine: Mean | None = None  # of an ensemble: whose mean it gives; none: the trial is no ensemble
    heads: Several[HeadSpec] = ()  # none: one, with a column for each class of the dataset
    deploys: Annotated[Several[str], BeforeValidator(_several)] = ()  # heads that answer, when validated and exported
    anchors: Several[str] = ()  # trials whose weights it is held to, each by its importance for what they answer
    anchor_weight: Positive | None = None  # of that penalty, which is added to the loss
    weights: Checkpoint | None = None  # that were trained elsewhere
    weight_bits: Literal[7, 8] | None = None  # trained as if in 8 bits, its weights in so many; none: in float32

    @model_validator(mode="after")
    def _fits(self) -> "Trial":
        if self.span and not self.span[0] < self.span[1] <= self.train.epochs:
            raise ValueError(f"span is {list(self.span)}, and the recipe has {self.train.epochs} epochs")
        if self.merge and self.merge != "samples" and len(self.merge) != len(self.start):
            raise ValueError(f"{len(self.merge)} weights are given to merge {len(self.start)} trials")
        if self.data.labelled and self.train.mixup:
            raise ValueError("mixup mixes the labels of two samples, and some have none (data.labelled): leave out one")
        self._refuse_heads()
        if bool(self.anchors) != bool(self.anchor_weight):
            raise ValueError("anchors and anchor_weight are given together")
        if self.weight_bits and not self.start:
            raise ValueError("training in 8 bits (weight_bits) begins with trained weights: name a trial in start")
        if self.weights and (self.start or self.combine or bool(self.train.epochs) != self.weights.tune):
            raise ValueError(
                "a trial with weights from elsewhere is not trained, unless they say tune: it has no start"
            )
        if self.combine and (len(self.start) < 2 or self.merge or self.train.epochs or self.weight_bits):
            raise ValueError("an ensemble (combine) names several trials in start, and is neither merged nor trained")
        return self

    def _refuse_heads(self) -> None:
        """Names that no head has, and labels that would not say which column is meant."""
        if not self.heads and not self.deploys and not any(each.heads or each.peers for each in self.lessons):
            return
        found = {head.name: head for head in self.heads}
        if len(found) < len(self.heads):
            raise ValueError(f"two heads have the same name: {', '.join(head.name for head in self.heads)}")
        if self.heads and self.train.mixup:
            raise ValueError("mixup makes labels of two classes, which may be in two heads: leave out mixup or heads")
        asked = [(lesson.heads, lesson.labels, "a lesson with labels") for lesson in self.lessons]
        asked += [(lesson.peers, False, "") for lesson in self.lessons]
        for names, labelled, who in (*asked, (self.deploys, True, "what the trial deploys")):
            if unknown := [name for name in names if name not in found]:
                raise ValueError(f"no head '{unknown[0]}'; {nearest(unknown[0], found)}")
            if labelled and overlap([found[name] for name in names or found]):
                raise ValueError(f"{who} has heads with the same classes: name those that answer apart")

    @property
    def is_given(self) -> bool:
        """Whether it is a network as it was trained elsewhere."""
        return self.weights is not None and not self.weights.tune

    @property
    def answering(self) -> tuple[str, ...]:
        """The names of the heads that it deploys, where there are several: each is evaluated on its own, too."""
        names = self.deploys or tuple(head.name for head in self.heads)
        return names if len(names) > 1 else ()

    def outputs(self, classes: int) -> int:
        """The number of columns of its network, on a dataset with so many classes."""
        return len(self.columns((), classes).places)

    def columns(self, names: Sequence[str], classes: int) -> Columns:
        """Those of some heads; without names, or heads, all."""
        return select_columns(self.heads or (HeadSpec(name="class"),), names, classes)

    @property
    def epochs(self) -> range:
        """Those that it trains, counted from 1."""
        first, last = self.span or (0, self.train.epochs)
        return range(first + 1, last + 1)

    @property
    def teachers(self) -> tuple[str, ...]:
        """The keys of all teachers of its lessons, each once, in order."""
        return tuple(dict.fromkeys(key for lesson in self.lessons for key in lesson.teachers))

    @property
    def parents(self) -> tuple[str, ...]:
        """The keys of all trials that must be done before this one."""
        return tuple(dict.fromkeys(self.teachers + self.start + self.anchors))

    @property  # not cached: `model_copy` would hand the old key to a changed trial
    def key(self) -> str:
        """The first 16 hex digits of the SHA-256 of the trial's content, which names its parents by their keys."""
        return content_key({"recipe": RECIPE, **record_content(self)})
