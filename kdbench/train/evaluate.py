"""The evaluation loop."""

import torch
from torch import nn
from torch.nn import functional

from kdbench.train.heads import Sight
from kdbench.train.samples.batches import in_chunks
from kdbench.zoo.datasets.splits import Splits
from kdbench.zoo.interface import Split


def evaluate(model: nn.Module, split: Split, splits: Splits, sight: Sight | None = None) -> tuple[float, float]:
    """Mean cross-entropy and top-1 accuracy (0 to 1) on a split. The model's mode is left as it was.

    Where `sight` has some columns only: among these, and of the samples that have a label there (0 without any).
    """
    training = model.training
    model.eval()
    loss = torch.zeros((), dtype=torch.float64, device=split.labels.device)
    samples = 0
    right = torch.zeros((), dtype=torch.int64, device=split.labels.device)
    with torch.no_grad():
        for images, labels in in_chunks(split, splits):
            logits = model(images).float()
            if sight:
                labels = sight.labels(labels)
                logits, labels = logits[labels >= 0][:, sight.columns], labels[labels >= 0]
            samples += len(labels)
            loss += functional.cross_entropy(logits, labels, reduction="sum")
            right += (logits.argmax(dim=1) == labels).sum()
    model.train(training)
    return float(loss) / max(1, samples), int(right) / max(1, samples)
