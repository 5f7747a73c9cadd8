"""Samples as PyTorch's users load them: a dataset of PIL images, a transform for each sample, a DataLoader."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset
from torchvision import transforms

from benchmarks.engine.assignment import Assignment


class Images(Dataset[tuple[Tensor, int]]):
    """An array in memory, as in torchvision's MNIST: a sample becomes a PIL image and is transformed on access."""

    def __init__(self, data: NDArray[np.uint8], targets: NDArray[np.int64], transform: Callable[[Any], Tensor]) -> None:
        self.data, self.targets, self.transform = data, targets.tolist(), transform

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.data[index])), self.targets[index]

    def __len__(self) -> int:
        return len(self.targets)


def open_images(assignment: Assignment, part: str) -> Images:
    """A part of the assignment's samples; the training part is augmented as the suite says."""
    return Images(*assignment.samples(part), build_transform(assignment, augmented=part == "train"))


def build_transform(assignment: Assignment, *, augmented: bool) -> transforms.Compose:
    """torchvision's transforms with the distribution of kdbench's views, then the normalization of kdbench."""
    steps: list[Any] = []
    for view in assignment.augment if augmented else ():
        if view.use == "crop":
            steps.append(transforms.RandomCrop(assignment.shape[1:], padding=view.options["padding"]))
        elif view.use == "flip":
            steps.append(transforms.RandomHorizontalFlip(view.options["probability"]))
        else:
            raise ValueError(f"no transform stands for the view {view.use}")
    mean, std = ([value / 255 for value in values] for values in (assignment.mean, assignment.std))
    return transforms.Compose([*steps, transforms.ToTensor(), transforms.Normalize(mean, std)])
