"""Losses, models, datasets, views and metrics as plain callables, found by name. Importing this imports no torch."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kdbench.zoo.catalog import Catalog
    from kdbench.zoo.contract.check import BrokenContract, check_loss
    from kdbench.zoo.datasets.splits import Splits, split
    from kdbench.zoo.interface import Dataset, Draw, Moment, NotApplicable, Outputs, Split
    from kdbench.zoo.layers.taps import Trace, tapped, trace
    from kdbench.zoo.loss_module import LossModule

__all__ = [
    "BrokenContract", "Catalog", "Dataset", "Draw", "LossModule", "Moment", "NotApplicable", "Outputs", "Split",
    "Splits", "Trace", "check_loss", "split", "tapped", "trace",
]  # fmt: skip

# Where each name stands; looked up on first use, because all but the catalog import torch.
_HOMES = {
    "Catalog": "catalog",
    **dict.fromkeys(("BrokenContract", "check_loss"), "contract.check"),
    **dict.fromkeys(("Splits", "split"), "datasets.splits"),
    **dict.fromkeys(("Dataset", "Draw", "Moment", "NotApplicable", "Outputs", "Split"), "interface"),
    **dict.fromkeys(("Trace", "tapped", "trace"), "layers.taps"),
    "LossModule": "loss_module",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'kdbench.zoo' has no attribute '{name}'")
    return getattr(importlib.import_module(f"kdbench.zoo.{_HOMES[name]}"), name)
