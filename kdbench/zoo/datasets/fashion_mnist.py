"""Fashion-MNIST, from Debian's package where it is installed."""

from dataclasses import replace
from pathlib import Path

from kdbench.zoo.datasets.from_torchvision import load_mnist_like
from kdbench.zoo.datasets.idx import read_idx
from kdbench.zoo.interface import Dataset, Split

# Where Debian's package dataset-fashion-mnist puts the four archives as they were published.
DEBIAN = Path("/usr/share/datasets/fashion-mnist")
CLASS_NAMES = (
    "T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
)  # fmt: skip


def fashion_mnist(root: Path) -> Dataset:
    """70,000 grey images of clothing, 1x28x28 pixels, 10 classes; 60,000 to train, 10,000 to test.

    Read from Debian's package dataset-fashion-mnist where it is installed, else from `root`, downloaded where absent.
    Shapes: images [N, 1, 28, 28], uint8; labels [N], int64.
    Units: grey values, 0 to 255.
    Raises: UserError where the data is neither there nor can be downloaded, or a file is damaged.
    Source: Xiao, Rasul, Vollgraf 2017 (arXiv:1708.07747); MIT licence.
    """
    if not DEBIAN.is_dir():
        return replace(load_mnist_like("FashionMNIST", root), class_names=CLASS_NAMES)
    train, test = (
        Split(
            read_idx(DEBIAN / f"{part}-images-idx3-ubyte.gz")[:, None],
            read_idx(DEBIAN / f"{part}-labels-idx1-ubyte.gz").long(),
        )
        for part in ("train", "t10k")
    )
    return Dataset(train, test, len(CLASS_NAMES), CLASS_NAMES)
