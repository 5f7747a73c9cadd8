"""What a learner is made of at the end of an epoch: taken from it, and put back into one that has just been built.

All random numbers are drawn by seed, step and sample, so that these tensors and figures are all there is to it.
"""

import hashlib
import io
import pickle
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from kdbench.results import TrainingCost
from kdbench.train.ended import Snapshot
from kdbench.train.learner import Learner
from kdbench.train.quantized import Quantized
from kdbench.zoo.loss_module import LossModule

Tensors = Mapping[str, Tensor]
NETWORK, BEST, OPTIMIZER = "network.", "best.", "optimizer."


class Snapshots(Protocol):
    """Where the training loop leaves and finds what it can go on from."""

    def restore(self, learner: Learner) -> TrainingCost | None:
        """Put a learner where an interrupted training left it, and give what that had cost; else leave it alone."""
        ...

    def due(self) -> bool:
        """Whether it is time for another snapshot."""
        ...

    def write(self, learner: Learner, cost: TrainingCost) -> None:
        """Keep a learner as it is."""
        ...


def tensors_of(learner: Learner) -> dict[str, Tensor]:
    """All that it computes from: the weights and memories of network and losses, the optimizer's, the best epoch's."""
    found = {NETWORK + name: value for name, value in _values(_whole(learner)).items()}
    found |= {BEST + name: value for name, value in learner.best.items()}
    for number, parameter in enumerate(_trained(learner)):
        for name, value in learner.optimizer.state.get(parameter, {}).items():
            found[f"{OPTIMIZER}{number}.{name}"] = value
    return {name: value.detach().to("cpu", copy=True).contiguous() for name, value in found.items()}


def put_back(learner: Learner, snapshot: Snapshot, tensors: Tensors) -> bool:
    """Make a learner that was just built what it was; where the tensors are not its own, leave it and say so."""
    if sha256_of(tensors) != snapshot.tensors_sha256 or not _fits(learner, snapshot, tensors):
        return False
    own, best, states = (_part(tensors, prefix) for prefix in (NETWORK, BEST, OPTIMIZER))
    whole, trained = _whole(learner), _trained(learner)
    there = _values(whole)
    with torch.no_grad():
        for name, value in own.items():
            if name in there and there[name].shape == value.shape:
                there[name].copy_(value)
            else:  # a memory that the first batch makes, or that has grown
                module, _, buffer = name.rpartition(".")
                setattr(whole.get_submodule(module), buffer, value.to(_device(learner)))
        for name, value in states.items():
            number, _, which = name.partition(".")
            weights = trained[int(number)]
            like = weights if weights.shape == value.shape else value  # with the strides of its weights
            state = torch.empty_like(like, dtype=value.dtype, device=weights.device, requires_grad=False)
            learner.optimizer.state[weights][which] = state.copy_(value)
    learner.go_on(snapshot, {name: value.to(_device(learner)) for name, value in best.items()})
    return True


def sha256_of(tensors: Tensors) -> str:
    """Of names, types, shapes and values."""
    digest = hashlib.sha256()
    for name, value in sorted(tensors.items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class Remembered:
    """What the network and the losses of a learner hold beside weights and buffers, as it was at some time."""

    content: bytes | None  # none: it cannot be told
    kept: list[object]  # so that no other object takes the place of one that is gone

    def unchanged(self, learner: Learner) -> bool:
        """Whether it is the same now, so that weights and buffers are all there is to take."""
        return self.content is not None and remembered(learner).content == self.content


def remembered(learner: Learner) -> Remembered:
    """All attributes of its modules but weights and buffers, and but what each makes again of what it is given."""
    file, kept = io.BytesIO(), list[object]()
    pickler = _Pickler(file, kept)
    try:
        for module in _whole(learner).modules():
            again = module.made_again if isinstance(module, LossModule | Quantized) else ()
            own = {name: value for name, value in vars(module).items() if name not in OF_MODULES and name not in again}
            pickler.dump(own)
    except (pickle.PicklingError, TypeError, AttributeError, ValueError, RuntimeError):  # it is no value
        return Remembered(None, kept)
    return Remembered(file.getvalue(), kept)


OF_MODULES = frozenset(vars(nn.Module()))  # weights, buffers, hooks and the like


class _Pickler(pickle.Pickler):
    """Writes values; of tensors, modules and functions which they are, and of tensors whether they were written to."""

    def __init__(self, file: io.BytesIO, kept: list[object]) -> None:
        super().__init__(file)
        self.kept = kept

    def persistent_id(self, value: Any) -> tuple[int, int] | None:
        if not (isinstance(value, Tensor | nn.Module) or callable(value)):
            return None
        self.kept.append(value)
        return id(value), value._version if isinstance(value, Tensor) else 0


def _whole(learner: Learner) -> nn.Module:
    modules = [each.criterion.module for each in learner.instructions]
    return nn.ModuleList([learner.model, learner.deployed, *(module for module in modules if module)])


def _values(whole: nn.Module) -> dict[str, Tensor]:
    """Each weight and buffer once."""
    return {**dict(whole.named_parameters()), **dict(whole.named_buffers())}


def _trained(learner: Learner) -> list[Tensor]:
    return [weights for group in learner.optimizer.param_groups for weights in group["params"]]


def _device(learner: Learner) -> torch.device:
    return learner.stepping.device


def _part(tensors: Tensors, prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _fits(learner: Learner, snapshot: Snapshot, tensors: Tensors) -> bool:
    """Whether these can be the tensors of this learner: a file may be of anybody."""
    own, best, states = (_part(tensors, prefix) for prefix in (NETWORK, BEST, OPTIMIZER))
    whole, deployed = _whole(learner), learner.deployed.state_dict()
    weights, numbers = dict(whole.named_parameters()), {str(number) for number in range(len(_trained(learner)))}
    return (
        snapshot.epoch in learner.trial.epochs
        and len(own) + len(best) + len(states) == len(tensors)
        and weights.keys() <= own.keys()
        and all(value.shape == own[name].shape for name, value in weights.items())
        and own.keys() - weights.keys() <= set(_buffers(whole))
        and (not best or best.keys() == deployed.keys())
        and all(value.shape == deployed[name].shape for name, value in best.items())
        and {name.partition(".")[0] for name in states} <= numbers
    )


def _buffers(whole: nn.Module) -> Iterator[str]:
    """The names of all buffers, those that are still empty among them."""
    for path, module in whole.named_modules():
        yield from (f"{path}.{name}".lstrip(".") for name in module._buffers)
