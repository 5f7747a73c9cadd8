"""The evaluation loop."""

import torch
from torch import nn
from torch.nn import functional

from kdbench.train.samples.batches import in_chunks
from kdbench.zoo.datasets.splits import Splits
from kdbench.zoo.interface import Split


def evaluate(model: nn.Module, split: Split, splits: Splits) -> tuple[float, float]:
    """Mean cross-entropy and top-1 accuracy (0 to 1) on a split. The model's mode is left as it was."""
    training = model.training
    model.eval()
    loss = torch.zeros((), dtype=torch.float64, device=split.labels.device)
    right = torch.zeros((), dtype=torch.int64, device=split.labels.device)
    with torch.no_grad():
        for images, labels in in_chunks(split, splits):
            logits = model(images).float()
            loss += functional.cross_entropy(logits, labels, reduction="sum")
            right += (logits.argmax(dim=1) == labels).sum()
    model.train(training)
    return float(loss) / len(split), int(right) / len(split)
