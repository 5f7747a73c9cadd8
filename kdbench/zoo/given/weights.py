"""Weights from a file: a dictionary of tensors by name, as safetensors or as torch saves it."""

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from kdbench.spec import UserError

State = Mapping[str, Tensor]
# Under which a training script keeps the weights beside other things.
KEPT_UNDER = ("state_dict", "model_state_dict", "model", "net", "network", "student", "teacher")
PREFIX = "module."  # of torch's DataParallel
OTHER = (
    "its classes, channels and widths must be those of this model and this dataset; with tune = true it is trained "
    "further, and only its classes may be others"
)
HELP = "save the network's state_dict() alone: safetensors.torch.save_file, or torch.save"


def read_weights(file: Path) -> State:
    """Every tensor of a file by its name. Raises `UserError`.

    A file of torch is read without running any code in it. The state dict may stand under a usual name in it.
    """
    try:
        found: object = load_file(file) if file.suffix == ".safetensors" else torch.load(file, "cpu", weights_only=True)
    except OSError as error:
        raise UserError(f"cannot read the weights '{file}': {error.strerror or error}") from error
    except pickle.UnpicklingError as error:
        text = f"'{file}' holds more than tensors, which could be code, or is no file of torch: it is not read"
        raise UserError(text, help=HELP) from error
    except (SafetensorError, RuntimeError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        kind = "safetensors" if file.suffix == ".safetensors" else "torch"
        raise UserError(f"'{file}' is no file of {kind}, or it is damaged or cut off", help=HELP) from error
    while isinstance(found, dict) and (
        inner := [found[name] for name in KEPT_UNDER if isinstance(found.get(name), dict)]
    ):
        found = inner[0]
    if not isinstance(found, dict) or not found or not all(isinstance(value, Tensor) for value in found.values()):
        raise UserError(f"'{file}' holds no dictionary of tensors", help=HELP)
    bare = all(str(name).startswith(PREFIX) for name in found)
    return {str(name).removeprefix(PREFIX) if bare else str(name): value for name, value in found.items()}


def fill_in(model: nn.Module, state: State, what: str, *, tuned: bool = False) -> None:
    """Give a network its weights, in its own precision. Raises `UserError` where they are of another network.

    `what` names the weights in messages. One that is `tuned` keeps its own last layer where theirs has other classes.
    """
    wanted = model.state_dict()
    last = list(wanted)[-1].rpartition(".")[0] + "."
    if tuned and any(wanted[name].shape != value.shape for name, value in state.items() if name in wanted):
        state = {name: wanted.get(name, value) if name.startswith(last) else value for name, value in state.items()}
    # Batch norms of old versions of torch did not count batches, which nothing here reads.
    missing = [name for name in wanted if name not in state and not name.endswith("num_batches_tracked")]
    unknown = [name for name in state if name not in wanted]
    other = [name for name in wanted if name in state and wanted[name].shape != state[name].shape]
    if missing or unknown:
        lacks = [f"{say} {_some(names)}" for say, names in (("lack", missing), ("have", unknown)) if names]
        text = f"the weights {what} are of another network: they {' and '.join(lacks)}"
        raise UserError(text, help="give the teacher the options with which it was trained, under the same names")
    if other:
        here, there = (list(found[other[0]].shape) for found in (wanted, state))
        text = f"the weights {what} are of another network: '{other[0]}' is {there}, and here {here}"
        raise UserError(text, help=OTHER)
    bad = [name for name in wanted if name in state and not torch.isfinite(state[name]).all()]
    if bad:
        raise UserError(f"the weights {what} are not finite in '{bad[0]}'", help="train that network again")
    model.load_state_dict(dict(state), strict=False)  # what may be missing is said above


def _some(names: list[str]) -> str:
    """The first name, and how many more there are."""
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"'{names[0]}'{more}"
