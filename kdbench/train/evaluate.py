"""The evaluation loop."""

import torch
from torch import nn
from torch.nn import functional

from kdbench.train.batches import in_chunks
from kdbench.zoo.datasets.splits import Splits
from kdbench.zoo.interface import Split


def evaluate(model: nn.Module, split: Split, splits: Splits) -> tuple[float, float]:
    """Mean cross-entropy and top-1 accuracy (0 to 1) on a split. The model's mode is left as it was."""
    training = model.training
    model.eval()
    loss, right = 0.0, 0
    with torch.no_grad():
        for images, labels in in_chunks(split, splits):
            logits = model(images).float()
            loss += float(functional.cross_entropy(logits, labels, reduction="sum"))
            right += int((logits.argmax(dim=1) == labels).sum())
    model.train(training)
    return loss / len(split), right / len(split)
