"""Feature taps without touching models: which layers there are, what shape they give, and reading them in a pass."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from kdbench.spec import nearest
from kdbench.zoo.interface import NotApplicable, Outputs

STAGES = ("first", "middle", "last", "embedding")


@dataclass(frozen=True)
class Trace:
    """The layers of one model in the order they ran, each with the shape of its output without the batch."""

    shapes: Mapping[str, tuple[int, ...]]
    embedding: str | None  # the layer whose output enters the classifier

    def resolve(self, layer: str) -> str:
        """The submodule that a layer's name stands for: a dotted path, or a stage.

        A stage is the last layer at one spatial resolution (for networks without images, each hidden layer).
        Raises `NotApplicable` where there is none, listing those that exist.
        """
        if layer in self.shapes:
            return layer
        if layer == "embedding" and self.embedding:
            return self.embedding
        stages = self.stages
        if layer in STAGES[:3] and stages:
            return stages[{"first": 0, "middle": len(stages) // 2, "last": -1}[layer]]
        raise NotApplicable(f"no layer '{layer}'; {nearest(layer, (*STAGES, *self.shapes))}")

    def shape(self, layer: str) -> tuple[int, ...]:
        """The shape of a layer's output, without the batch: (channels, height, width) or (features,)."""
        return self.shapes[self.resolve(layer)]

    @property
    def stages(self) -> tuple[str, ...]:
        """One layer for every spatial resolution, from input to output."""
        spatial = {name: shape for name, shape in self.shapes.items() if len(shape) == 3 and shape[1] * shape[2] > 1}
        if spatial:
            return tuple({shape[1:]: name for name, shape in spatial.items()}.values())
        flat = [name for name, shape in self.shapes.items() if len(shape) == 1]
        return tuple({self.shapes[name]: name for name in flat[:-1]}.values())


def trace(model: nn.Module, shape: tuple[int, int, int]) -> Trace:
    """Run a model once on zeros of shape (channels, height, width) and note every layer. The model is unchanged."""
    shapes: dict[str, tuple[int, ...]] = {}
    order: list[str] = []
    handles = []
    for name, module in model.named_modules():
        if name:

            def note(_: nn.Module, __: object, output: object, name: str = name) -> None:
                if isinstance(output, Tensor):
                    shapes[name] = tuple(output.shape[1:])
                    order.append(name)

            handles.append(module.register_forward_hook(note))
    training = model.training
    try:
        device = next((p.device for p in model.parameters()), torch.device("cpu"))
        with torch.no_grad():
            model.eval()(torch.zeros(1, *shape, device=device))
    finally:
        model.train(training)
        for handle in handles:
            handle.remove()
    linear = [name for name in order if isinstance(model.get_submodule(name), nn.Linear)]
    before = [name for name in order[: order.index(linear[-1])] if len(shapes[name]) == 1] if linear else []
    return Trace({name: shapes[name] for name in order}, before[-1] if before else None)


@contextmanager
def tapped(model: nn.Module, layers: Iterable[str]) -> Iterator[dict[str, Tensor]]:
    """While open, every forward of `model` leaves the outputs of `layers` (submodule names) in the dictionary."""
    features: dict[str, Tensor] = {}
    handles = []
    for name in dict.fromkeys(layers):

        def keep(_: nn.Module, __: object, output: Tensor, name: str = name) -> None:
            features[name] = output

        handles.append(model.get_submodule(name).register_forward_hook(keep))
    try:
        yield features
    finally:
        for handle in handles:
            handle.remove()


def outputs(model: nn.Module, images: Tensor, features: Mapping[str, Tensor]) -> Outputs:
    """Run a tapped model on a batch."""
    logits = model(images)
    return Outputs(logits, dict(features))
