"""What makes two modules one architecture within a process: same code, same settings, same shapes."""

import enum
import hashlib
from collections.abc import Hashable
from types import BuiltinFunctionType, FunctionType

import torch
from torch import Tensor, nn

_OF_EVERY_MODULE = frozenset(vars(nn.Module()))
_SCALARS = (type(None), bool, int, float, complex, str, bytes, torch.dtype, torch.device, enum.Enum)
_CODE = (type, FunctionType, BuiltinFunctionType)


class _Unidentifiable(Exception):
    """Something in the module could change its graph without being seen."""


def identity_of(model: nn.Module, shape: tuple[int, int, int]) -> Hashable | None:
    """A key that two modules share only if they export to one graph, up to their weights; none where unknown.

    The `repr` of a module does not show attributes that its `forward` reads, so classes and attributes are compared.
    Tied weights, hooks, and attributes that are neither plain values nor functions make a module unidentifiable.
    """
    try:
        modules = tuple((name, _settings(module)) for name, module in model.named_modules(remove_duplicate=False))
        return (shape, modules, _state(model), _constants(model))
    except _Unidentifiable:
        return None


def _settings(module: nn.Module) -> Hashable:
    if module._forward_hooks or module._forward_pre_hooks:
        raise _Unidentifiable
    own = {name: value for name, value in vars(module).items() if name not in _OF_EVERY_MODULE}
    return (type(module), tuple((name, _plain(own[name])) for name in sorted(own)))


def _plain(value: object) -> Hashable:
    if isinstance(value, _SCALARS):
        return (type(value), value)
    if isinstance(value, _CODE):
        return value  # by identity; the key keeps it alive
    if isinstance(value, (list, tuple)):
        return (type(value), *(_plain(item) for item in value))
    if isinstance(value, dict):
        return (dict, *((_plain(key), _plain(item)) for key, item in value.items()))
    raise _Unidentifiable


def _state(model: nn.Module) -> Hashable:
    entries = model.state_dict()
    if not all(isinstance(tensor, Tensor) for tensor in entries.values()):
        raise _Unidentifiable
    places = [tensor.data_ptr() for tensor in entries.values() if tensor.numel()]
    if len(set(places)) < len(places):
        raise _Unidentifiable
    return tuple((name, tuple(tensor.shape), tensor.dtype) for name, tensor in entries.items())


def _constants(model: nn.Module) -> Hashable:
    persistent = model.state_dict().keys()
    return tuple(
        (name, tuple(buffer.shape), buffer.dtype, hashlib.sha256(tensor_bytes(buffer)).digest())
        for name, buffer in model.named_buffers()
        if name not in persistent
    )


def tensor_bytes(tensor: Tensor) -> bytes:
    """The content of a CPU tensor in row-major order."""
    return tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
