"""From choices to live objects: a model, a loss with the layers it reads, a view."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast
from weakref import WeakValueDictionary

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter

from kdbench.spec import Choice, Lesson, Signature, Trial, UserError
from kdbench.spec.pulse import beat
from kdbench.spec.task import Input, Task, pixels_from_standard
from kdbench.spec.trial import Checkpoint
from kdbench.train.untouched import untouched
from kdbench.zoo.catalog import Catalog
from kdbench.zoo.given.onnx_network import with_pixels
from kdbench.zoo.given.published import published_weights
from kdbench.zoo.given.rescaled import Rescaled
from kdbench.zoo.given.weights import fill_in, read_weights
from kdbench.zoo.interface import Draw, Moment, NotApplicable, Outputs
from kdbench.zoo.layers.taps import Trace
from kdbench.zoo.loss_module import LossModule, is_loss_module

Weights = Mapping[str, Tensor]


@dataclass(frozen=True)
class Criterion:
    """A loss ready to be called, its own parameters, and the layers that it reads."""

    call: Callable[..., Tensor]
    inputs: tuple[str, ...]
    module: LossModule | None = None

    def __call__(self, student: Outputs, teacher: Outputs | None, labels: Tensor | None, moment: Moment) -> Tensor:
        given = {"student": student, "teacher": teacher, "labels": labels, "moment": moment}
        return self.call(**{name: given[name] for name in self.inputs})

    @property
    def student_layers(self) -> tuple[str, ...]:
        """The layers of the student that it reads."""
        return self.module.student_layers if self.module else ()

    @property
    def teacher_layers(self) -> tuple[str, ...]:
        """The layers of the teacher that it reads."""
        return self.module.teacher_layers if self.module else ()

    @property
    def parameters(self) -> list[nn.Parameter]:
        """Its own weights, without those that it keeps as they are."""
        return [p for p in self.module.parameters() if p.requires_grad] if self.module else []

    def readings(self) -> dict[str, float]:
        """What it told of itself since it was read last, mean over the calls."""
        return self.module.readings() if self.module else {}

    def initialization(self, epochs: int) -> float:
        """Epochs at the start of a training in which the student is not yet trained as a whole."""
        return self.module.initialization(epochs) if self.module else 0.0

    def deployed(self, model: nn.Module) -> nn.Module:
        """What is evaluated and exported: the student itself, unless the loss makes it a part of another network."""
        return self.module.deployed(model) if self.module else model


def build_model(choice: Choice, catalog: Catalog, classes: int, shape: tuple[int, int, int], seed: int) -> nn.Module:
    """A freshly initialized model: the same weights for the same seed, whatever loss will train it.

    Raises `NotApplicable` where it has weights of a model that was built before and is still there.
    """
    torch.manual_seed(Draw(seed).seed_of("weights"))
    model = _make(choice, catalog, classes, shape)
    _refuse_shared(model)
    if any(isinstance(parameter, UninitializedParameter) for parameter in model.parameters()):
        with torch.no_grad():  # lazy layers take their shapes, and draw their weights, in a first pass
            model.eval()(torch.zeros(1, *shape))
        model.train()
    return model.to(memory_format=torch.channels_last)


# The weights of all models that were built in this process and are still there, by their ids.
_BUILT: WeakValueDictionary[int, nn.Parameter] = WeakValueDictionary()


def _refuse_shared(model: nn.Module) -> None:
    """A function of the user may keep a network, and give it again: trials would train each other's weights."""
    if any(_BUILT.get(id(weights)) is weights for weights in model.parameters()):
        raise NotApplicable(
            "it gives weights that it gave before, which other trials train too: let it make a new network at each "
            "call, or give a copy (copy.deepcopy)"
        )
    _BUILT.update((id(weights), weights) for weights in model.parameters())


def _make(choice: Choice, catalog: Catalog, classes: int, shape: tuple[int, int, int]) -> nn.Module:
    """A model; one that asks for `network` makes others of the catalog for the same images."""
    make = partial(catalog.load("models", choice.use), classes, shape, **choice.arguments)
    inputs = catalog.signature("models", choice.use).inputs
    if "content" in inputs:
        raise NotApplicable(f"'{choice.use}' is the network of a file, which can only teach as it is")
    if "network" not in inputs:
        return cast("nn.Module", make())
    return cast(
        "nn.Module",
        make(network=lambda of, outputs: _make(Choice.model_validate(of), catalog, outputs, shape)),
    )


def build_network(trial: Trial, catalog: Catalog, task: Task, stored: Weights | None = None) -> nn.Module:
    """A trial's network before its training: freshly initialized, or with the weights that it brings.

    These come from their file. Where they are `stored` already, the caller loads them. Raises `UserError` for a file
    that does not fit.
    """
    (channels, height, width), classes = task.inputs[0].shape, task.heads[0].classes
    model, given = trial.model, trial.weights
    if given is None:
        return build_model(model, catalog, trial.outputs(classes), (channels, height, width), trial.seed)
    factor, offset = _pixels(given, task)
    if "content" in catalog.signature("models", model.use).inputs:
        content = Path(given.file).read_bytes() if stored is None else stored["content"].numpy().tobytes()
        if stored is None and given.pixels != "standard":
            content = with_pixels(content, factor, offset)
        make = catalog.load("models", model.use)
        return cast("nn.Module", make(classes, (channels, height, width), content))
    network = build_model(model, catalog, classes, (channels, height, width), trial.seed)
    found = network if given.pixels == "standard" else Rescaled(network, factor, offset)
    if stored is not None:
        return found
    if given.published:
        state, what = published_weights(model.use, given.published), f"'{given.published}' of '{model.use}'"
    else:
        state, what = read_weights(Path(given.file)), f"in '{given.file}'"
    fill_in(network, state, what, tuned=given.tune)
    return found


def _pixels(given: Checkpoint, task: Task) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Factor and offset of each channel, for a network that wants other pixels. Raises `UserError`."""
    try:
        return pixels_from_standard(given.pixels, task.inputs[0])
    except ValueError as error:
        raise UserError(f"the weights '{given.label}': {error}", help="give the pixels of its training") from error


def start_from(model: nn.Module, starts: Sequence[Weights], shares: Sequence[float] = ()) -> None:
    """Give a model the weights of another, or the mean of several, weighted by `shares` where there are any.

    Whole numbers, such as the batches that a batch norm has counted, are rounded. Raises `NotApplicable` where the
    weights are those of another network.
    """
    try:
        model.load_state_dict(_mean(starts, shares or [1.0] * len(starts)))
    except (RuntimeError, KeyError) as error:
        raise NotApplicable(f"the weights it starts from are of another network: {_first_line(error)}") from error


def _mean(starts: Sequence[Weights], shares: Sequence[float]) -> Weights:
    if len(starts) == 1:
        return starts[0]

    def mean(name: str) -> Tensor:
        first = starts[0][name]
        total = sum(share * weights[name].double() for share, weights in zip(shares, starts, strict=True))
        assert isinstance(total, Tensor)
        value = total / sum(shares)
        return (value if first.is_floating_point() else value.round()).to(first.dtype)

    return {name: mean(name) for name in starts[0]}


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def build_criterion(
    lesson: Lesson, catalog: Catalog, student: Trace, teachers: Sequence[Trace], draw: Draw, number: int = 0
) -> Criterion:
    """The loss of a lesson, the `number`-th of its trial. Raises `NotApplicable` where it cannot serve these networks.

    `teachers` are the lesson's, in its order; `draw` is of the trial's seed.
    """
    thing: Any = catalog.load("losses", lesson.loss.use)
    signature = catalog.signature("losses", lesson.loss.use)
    inputs = signature.inputs
    _refuse_unbuilt(lesson, signature, len(teachers) + len(lesson.peers))
    options = lesson.loss.arguments
    if not is_loss_module(thing):
        return Criterion(partial(thing, **options), inputs)
    torch.manual_seed(draw.seed_of(f"weights of loss {number}"))
    loss = thing(student, teachers[0] if teachers else student if lesson.peers else None, **options)
    if loss.teacher_layers and lesson.peers:
        raise NotApplicable("it reads layers of a teacher, and heads of its own network give none: take another loss")
    if loss.teacher_layers and len(teachers) > 1:
        help = 'give combine = "losses" where the way of teaching has it, or take a loss on logits'
        raise NotApplicable(f"it reads layers of one teacher, and {len(teachers)} teach together: {help}")
    return Criterion(loss, inputs, loss)


def _refuse_unbuilt(lesson: Lesson, signature: Signature, teachers: int) -> None:
    """What a lesson may say and this version does not do, or cannot mean."""
    if lesson.part is not None:
        raise NotApplicable(f"a lesson on a part of the data ('{lesson.part.use}') is not built yet: leave it out")
    if not lesson.labels and "labels" in {*signature.inputs} - {*signature.optional}:
        help = "take a loss that does without, such as kd"
        raise NotApplicable(f"it needs the labels, which its lesson keeps from it (labels = false): {help}")
    if ("teacher" in signature.inputs) != bool(teachers):
        asks = "asks for a teacher, and its lesson has none" if not teachers else "asks for no teacher, and has some"
        raise NotApplicable(f"it {asks}")


@dataclass(eq=False)
class BuiltView:
    """A view with its options bound, of images whose raw values are those of `pixels`."""

    call: Callable[..., Tensor]
    inputs: tuple[str, ...]
    pixels: Input | None
    called: bool = False

    @property
    def attacks(self) -> bool:
        """Whether what it shows depends on the network that sees it, which must be in eval mode."""
        return "model" in self.inputs

    def __call__(
        self,
        images: Tensor,
        draw: Draw,
        model: nn.Module | None = None,
        labels: Tensor | None = None,
        teacher: Outputs | None = None,
    ) -> Tensor:
        given = {
            "images": images,
            "draw": draw,
            "model": model,
            "labels": labels,
            "teacher": teacher,
            "pixels": self.pixels,
        }
        shared = [] if self.called else [images, labels, teacher.logits if teacher else None]  # at its first call
        self.called = True
        # An attack asks the network many times for one batch.
        with (
            untouched(shared, "the images that a view is given"),
            model.register_forward_pre_hook(lambda *_: beat()) if model else nullcontext(),
        ):
            return self.call(**{name: given[name] for name in self.inputs})


def build_view(choice: Choice, catalog: Catalog, pixels: Input | None = None) -> BuiltView:
    """A view with its options bound."""
    call = partial(catalog.load("views", choice.use), **choice.arguments)
    return BuiltView(call, catalog.signature("views", choice.use).inputs, pixels)
