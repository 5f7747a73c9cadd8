"""Networks cut in two at a layer, without touching their code: what comes before it, and what comes after."""

import torch
from torch import fx, nn

from kdbench.zoo.interface import NotApplicable
from kdbench.zoo.layers.taps import Tap, Trace


def up_to(traced: Trace, layer: str) -> nn.Module:
    """The part of a model from its images to the features of `layer`. It shares the model's modules and weights.

    Raises `NotApplicable` where there is no such layer, or where torch.fx cannot follow the model's code.
    """
    graph, (at,) = _graph(traced.model, traced.resolve(layer))
    _end_at(graph, at)
    return _assemble(traced.model, graph)


def after(traced: Trace, layer: str) -> nn.Module:
    """The part of a model from the features of `layer` to its logits. It shares the model's modules and weights.

    Raises `NotApplicable` where there is no such layer, where the logits depend on more than its features, or where
    torch.fx cannot follow the model's code.
    """
    graph, (at,) = _graph(traced.model, traced.resolve(layer))
    return _begin_at(traced.model, graph, at, layer)


def between(traced: Trace, first: str, second: str) -> nn.Module:
    """The part of a model from the features of one layer to those of a later one, likewise."""
    graph, (at, end) = _graph(traced.model, traced.resolve(first), traced.resolve(second))
    _end_at(graph, end)
    return _begin_at(traced.model, graph, at, first)


def _graph(model: nn.Module, *taps: Tap) -> tuple[fx.Graph, list[fx.Node]]:
    """The model's operations in eval mode, and those whose results the taps read."""
    modes = {module: module.training for module in model.modules()}
    try:
        graph = _Whole({tap.module for tap in taps}).trace(model.eval())
    except Exception as error:  # whatever the model's code raises for symbolic values
        text = str(error).partition("\n")[0]
        raise NotApplicable(f"torch.fx cannot follow this model's code, so it cannot be cut: {text}") from error
    finally:
        for module, training in modes.items():
            module.training = training
    for node in graph.find_nodes(op="call_function", target=torch._assert):
        graph.erase_node(node)  # nothing needs it, and it would keep the images
    return graph, [_read_by(tap, graph) for tap in taps]


def _read_by(tap: Tap, graph: fx.Graph) -> fx.Node:
    calls = [node for node in graph.nodes if node.op == "call_module" and node.target == tap.module]
    if not calls:
        raise NotApplicable(f"torch.fx finds no call of '{tap.module}' in this model, so it cannot be cut there")
    at = calls[tap.call].args[0] if tap.entering else calls[tap.call]
    assert isinstance(at, fx.Node)
    return at


def _end_at(graph: fx.Graph, at: fx.Node) -> None:
    for node in list(graph.nodes):
        if node.op == "output":
            node.args = (at,)


def _begin_at(model: nn.Module, graph: fx.Graph, at: fx.Node, layer: str) -> nn.Module:
    (images,) = (node for node in graph.nodes if node.op == "placeholder")
    with graph.inserting_after(images):
        features = graph.placeholder("features")
    at.replace_all_uses_with(features)
    part = _assemble(model, graph)
    (images, _) = (node for node in part.graph.nodes if node.op == "placeholder")
    if images.users:
        raise NotApplicable(f"what follows the layer '{layer}' needs more than its features: it cannot be cut there")
    part.graph.erase_node(images)
    part.recompile()
    return part


def _assemble(model: nn.Module, graph: fx.Graph) -> fx.GraphModule:
    part = fx.GraphModule(model, graph)
    part.graph.eliminate_dead_code()
    part.delete_all_unused_submodules()
    part.recompile()
    return part


class _Whole(fx.Tracer):
    """A tracer that does not look inside some modules."""

    def __init__(self, paths: set[str]) -> None:
        super().__init__()
        self.paths = paths

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return module_qualified_name in self.paths or super().is_leaf_module(m, module_qualified_name)
