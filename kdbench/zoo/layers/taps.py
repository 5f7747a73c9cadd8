"""Layers of a model by name: which there are, the shapes of their outputs, and reading these in a forward pass."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from kdbench.spec import nearest
from kdbench.zoo.interface import NoSuchLayer, NotApplicable, Outputs
from kdbench.zoo.layers.stages import Call, find_stages

STAGES = ("first", "middle", "last", "embedding")
BEFORE = "before:"
_RELU = (nn.ReLU, nn.ReLU6)
_NO_STAGES = "no stages were found in it, so name a layer by its path"
_LACKING = {  # why a stage's name means nothing in a model
    **dict.fromkeys(STAGES[:3], _NO_STAGES),
    "embedding": "that is the input of the last linear layer, and it has none (its classifier may be a convolution)",
}

Shape = tuple[int, ...]
LAST = -1


class Tap(NamedTuple):
    """Where one tensor of a model is read: the output of the submodule `module`, or (`entering`) its input.

    Of a submodule that runs several times in a pass, such as a ReLU that layers share, it is read in one `call`.
    """

    module: str
    shape: Shape  # without the batch
    entering: bool = False
    call: int = LAST  # counted from 0


@dataclass(frozen=True)
class Trace:
    """The layers of one model in the order they last ran, each with the shape of its output without the batch."""

    shapes: Mapping[str, Shape]
    stages: tuple[str, ...]  # one layer for every resolution, or every block of tokens, or every hidden layer, in order
    embedding: Tap | None  # what enters the last linear layer
    overwritten: frozenset[str]  # layers whose output a later operation changes in place
    before: Mapping[str, Tap]  # by layer, or "embedding": its features as they are before a ReLU cuts them
    model: nn.Module  # the traced model itself
    outputs: int  # its logits

    def resolve(self, layer: str) -> Tap:
        """The tap that a layer's name stands for: a submodule's dotted path, or "first", "middle", "last", "embedding".

        With "before:" in front of it, its features before a ReLU cuts them: the input of the ReLU that it ends in, or
        of the next one of the same shape; where there is neither, the layer itself, if it goes below 0.

        See `trace` for what the stages are. The embedding is the input of the last linear layer. Raises `NotApplicable`
        where there is no such layer, listing those that exist.
        """
        if layer.startswith(BEFORE):
            tap = self.resolve(layer.removeprefix(BEFORE))
            name = "embedding" if tap.entering else tap.module
            if name not in self.before:
                raise NotApplicable(
                    f"no features before a ReLU at layer '{name}': its output is cut at 0 already; "
                    f"{nearest(name, self.before)}"
                )
            return self.before[name]
        if layer in self.shapes:
            return Tap(layer, self.shapes[layer])
        if layer == "embedding" and self.embedding:
            return self.embedding
        if layer in STAGES[:3] and self.stages:
            name = self.stages[{"first": 0, "middle": len(self.stages) // 2, "last": -1}[layer]]
            return Tap(name, self.shapes[name])
        if not self.shapes:
            raise NotApplicable(f"no layer '{layer}': of a network from a file only the logits can be read")
        stages = (*(STAGES[:3] if self.stages else ()), *(STAGES[3:] if self.embedding else ()))
        allowed = nearest(layer, (*stages, *self.shapes))
        if layer in _LACKING:
            raise NotApplicable(f"no layer '{layer}' in this model: {_LACKING[layer]}; {allowed}")
        raise NoSuchLayer(f"no layer '{layer}' in this model; {allowed}")

    def shape(self, layer: str) -> Shape:
        """The shape of a layer's output, without the batch: (channels, height, width), (features,), (tokens, width)."""
        return self.resolve(layer).shape

    def batch_norm(self, layer: str) -> nn.BatchNorm2d:
        """The last batch norm, over as many channels, that ran before a layer's features were computed.

        Raises `NotApplicable` where there is none.
        """
        tap = self.resolve(layer)
        names = list(self.shapes)
        ran = names[: names.index(tap.module) + (not tap.entering)]
        for name in reversed(ran):
            module = self.model.get_submodule(name)
            if isinstance(module, nn.BatchNorm2d) and module.num_features == tap.shape[0]:
                return module
        raise NotApplicable(f"no batch norm over {tap.shape[0]} channels before the layer '{layer}'")


def trace(model: nn.Module, shape: tuple[int, int, int]) -> Trace:
    """Run a model once on a ramp of shape (channels, height, width) and record every layer. The model is unchanged.

    A layer that runs several times counts as it ran last; before a ReLU that several share, each has its own call of
    it. Stages, from input to output, are

    - in a transformer (ViT, DeiT, Mixer) its blocks: siblings of one class that give tokens [N, D] of one shape;
    - in a network with images inside, the last layer [channels, height, width] at each spatial resolution, among those
      whose names have the fewest dots;
    - in an MLP the hidden layers, each after its activation.

    Hierarchical transformers fit this in part: MaxViT's windows are taken for stages, and Swin's [height, width,
    channels] are not, so name layers by their path there.
    """
    calls: list[Call] = []

    def note(name: str, module: nn.Module, entered: tuple[object, ...], gave: object) -> None:
        if isinstance(gave, Tensor):
            first = entered[0] if entered else None
            calls.append(Call(name, module, first if isinstance(first, Tensor) else None, gave, gave._version))

    modes = {module: module.training for module in model.modules()}
    handles = [
        module.register_forward_hook(lambda m, entered, gave, name=name: note(name, m, entered, gave))
        for name, module in model.named_modules()
        if name
    ]
    try:
        device = next((p.device for p in model.parameters()), torch.device("cpu"))
        with torch.no_grad():
            logits = model.eval()(torch.linspace(-2, 2, prod(shape), device=device).reshape(1, *shape))
    finally:
        _remove(handles)
        for module, training in modes.items():
            module.training = training
    ran = [call for at, call in enumerate(calls) if all(call.name != later.name for later in calls[at + 1 :])]
    linear = [call for call in ran if isinstance(call.module, nn.Linear) and call.entered is not None]
    embedding = _entering(linear[-1]) if linear else None
    return Trace(
        shapes={call.name: tuple(call.gave.shape[1:]) for call in ran},
        stages=find_stages(ran, square=shape[1] == shape[2]),
        embedding=embedding,
        overwritten=frozenset(call.name for call in calls if call.gave._version > call.version),
        before=(_embedding_before_relu(linear[-1], calls) if linear else {}) | _before_relu(calls),
        model=model,
        outputs=logits.shape[1],
    )


def _entering(call: Call, ran: Sequence[Call] = ()) -> Tap:
    """The input of a call, which is one of `ran`; without these, of the last one of its module."""
    assert call.entered is not None
    likewise = [other for other in ran if other.name == call.name]
    number = next((at for at, other in enumerate(likewise[:-1]) if other is call), LAST)
    return Tap(call.name, tuple(call.entered.shape[1:]), entering=True, call=number)


def _before_relu(ran: Sequence[Call]) -> dict[str, Tap]:
    """By layer, as it ran last, where its features are read before a ReLU: see `Trace.resolve`."""
    found: dict[str, Tap] = {}
    for index, call in enumerate(ran):
        if call.gave.ndim < 2:
            continue
        following = next((other for other in ran[index:] if isinstance(other.module, _RELU)), None)
        ends_in = next((o for o in ran[: index + 1] if isinstance(o.module, _RELU) and o.gave is call.gave), None)
        uncut = bool((call.gave < 0).any()) or call.gave._version > call.version  # or a ReLU in place cut it later
        if ends_in:
            found[call.name] = _entering(ends_in, ran)
        elif not uncut:
            found.pop(call.name, None)
        elif following and following.entered is not None and following.entered.shape == call.gave.shape:
            found[call.name] = _entering(following, ran)
        else:
            found[call.name] = Tap(call.name, tuple(call.gave.shape[1:]))
    return found


def _embedding_before_relu(classifier: Call, ran: Sequence[Call]) -> dict[str, Tap]:
    """The same for the embedding, the input of the classifier."""
    assert classifier.entered is not None
    ends_in = next((o for o in ran if isinstance(o.module, _RELU) and o.gave is classifier.entered), None)
    if ends_in:
        return {"embedding": _entering(ends_in, ran)}
    return {"embedding": _entering(classifier)} if bool((classifier.entered < 0).any()) else {}


@contextmanager
def tapped(model: nn.Module, trace: Trace, layers: Iterable[str]) -> Iterator[dict[str, Tensor]]:
    """While open, every forward pass of `model` writes the tensors of `layers` into the dictionary, under these names.

    Each tensor is its layer's output, even where the model overwrites it later (an in-place ReLU after a batch norm,
    `out += identity`): such outputs, known from the trace, are copied first. Gradients flow through all of them. Of a
    layer that runs several times it is the last output. Raises `NotApplicable` as `Trace.resolve` does.
    """
    features: dict[str, Tensor] = {}
    handles: list[RemovableHandle] = []
    taps = {layer: trace.resolve(layer) for layer in dict.fromkeys(layers)}
    counts = dict.fromkeys((layer for layer, tap in taps.items() if tap.call != LAST), 0)
    try:
        if counts:
            handles.append(model.register_forward_pre_hook(lambda *_: counts.update(dict.fromkeys(counts, 0))))
        for layer, tap in taps.items():
            module = model.get_submodule(tap.module)
            if tap.entering:
                copied = bool(getattr(module, "inplace", False))
                handles.append(module.register_forward_pre_hook(_keep_input(features, layer, tap.call, counts, copied)))
            else:
                handles.append(
                    module.register_forward_hook(_keep_output(features, layer, tap.module in trace.overwritten))
                )
        yield features
    finally:
        _remove(handles)


def _keep_input(
    features: dict[str, Tensor], layer: str, call: int, counts: dict[str, int], copied: bool
) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
    """Keep the input of one call; `counts` has how often the module has run in this pass, but for the last call."""

    def keep(_: nn.Module, entered: tuple[Tensor, ...]) -> None:
        if counts.get(layer, LAST) == call:
            features[layer] = entered[0].clone() if copied else entered[0]
        if layer in counts:
            counts[layer] += 1

    return keep


def _keep_output(features: dict[str, Tensor], layer: str, copied: bool) -> Callable[[nn.Module, object, Tensor], None]:
    def keep(_: nn.Module, __: object, gave: Tensor) -> None:
        features[layer] = gave.clone() if copied else gave

    return keep


def _remove(handles: Iterable[RemovableHandle]) -> None:
    for handle in handles:
        handle.remove()


def outputs(model: nn.Module, images: Tensor, features: dict[str, Tensor]) -> Outputs:
    """Run a tapped model on a batch: `features` is the dictionary that `tapped` gave."""
    features.clear()  # a layer that this pass does not reach must not keep an older batch
    logits = model(images)
    return Outputs(logits, dict(features))
