"""MNIST and CIFAR through torchvision's own loaders, which download what is absent and check what they read."""

import os
import pickle
import sys
import tarfile
import zlib
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kdbench.spec import UserError
from kdbench.zoo.interface import Dataset, Split

# All that torchvision's loaders are known to raise for data that is absent, unreachable or damaged.
_FAILURES = (
    OSError, RuntimeError, EOFError, ValueError, KeyError, AssertionError, IndexError,
    zlib.error, tarfile.TarError, pickle.UnpicklingError,
)  # fmt: skip

# The MD5 of what the published archives hold.
UNPACKED = {
    "MNIST": {
        "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
        "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
        "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
        "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
    },
    "FashionMNIST": {
        "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
        "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
        "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
    },
}


def mnist(root: Path) -> Dataset:
    """70,000 handwritten digits, 1x28x28 pixels, 10 classes; 60,000 to train, 10,000 to test.

    Shapes: images [N, 1, 28, 28], uint8; labels [N], int64.
    Units: grey values, 0 to 255.
    Raises: UserError where the data is neither in `root` nor to be downloaded, or a file is damaged.
    Source: LeCun, Cortes, Burges 1998.
    """
    return replace(load_mnist_like("MNIST", root), class_names=tuple("0123456789"))


def cifar10(root: Path) -> Dataset:
    """60,000 colour photographs, 3x32x32 pixels, 10 classes; 50,000 to train, 10,000 to test.

    Shapes: images [N, 3, 32, 32], uint8; labels [N], int64.
    Units: red, green and blue, 0 to 255.
    Raises: UserError where the data is neither in `root` nor to be downloaded, or a file is damaged.
    Source: Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images.
    """
    return _load_cifar("CIFAR10", root)


def cifar100(root: Path) -> Dataset:
    """60,000 colour photographs, 3x32x32 pixels, 100 classes; 50,000 to train, 10,000 to test.

    Shapes: images [N, 3, 32, 32], uint8; labels [N], int64 (the fine ones).
    Units: red, green and blue, 0 to 255.
    Raises: UserError where the data is neither in `root` nor to be downloaded, or a file is damaged.
    Source: Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images.
    """
    return _load_cifar("CIFAR100", root)


def load_mnist_like(name: str, root: Path) -> Dataset:
    """torchvision's MNIST or FashionMNIST. Raises `UserError`."""
    from torchvision import datasets

    loader = _without_legacy(getattr(datasets, name))
    folder = root / name / "raw"
    archives = [(folder / file, md5) for file, md5 in loader.resources]
    unpacked = [(folder / file, md5) for file, md5 in UNPACKED[name].items()]
    _refuse_no_files([*archives, *unpacked])
    _report_damaged(unpacked)  # torchvision takes any such files for the published ones
    try:
        train, test = _load(loader, root)
    except _FAILURES as error:
        _report_damaged([*archives, *unpacked])
        raise _absent(name, folder, [archive.name for archive, _ in archives], error) from error
    return Dataset(_split(train.data[:, None], train.targets), _split(test.data[:, None], test.targets), classes=10)


def _load_cifar(name: str, root: Path) -> Dataset:
    from torchvision import datasets

    loader = getattr(datasets, name)
    listed = [*loader.train_list, *loader.test_list, (loader.meta["filename"], loader.meta["md5"])]
    unpacked = [(root / loader.base_folder / file, md5) for file, md5 in listed]
    files = [(root / loader.filename, loader.tgz_md5), *unpacked]
    _refuse_no_files(files)
    try:
        train, test = _load(loader, root)
    except _FAILURES as error:
        _report_damaged(files)
        raise _absent(name, root, [loader.filename], error) from error
    first, second = (
        _split(torch.from_numpy(part.data).permute(0, 3, 1, 2).contiguous(), torch.tensor(part.targets))
        for part in (train, test)
    )
    return Dataset(first, second, len(train.classes), tuple(train.classes))


def _without_legacy(loader: Any) -> Any:
    """The loader but for files that early versions of torchvision wrote: it takes any such for the published data."""
    return type(loader.__name__, (loader,), {"_check_legacy_exist": lambda _: False})


def _load(loader: Any, root: Path) -> tuple[Any, Any]:
    """Training and test part. Whatever torchvision prints about a download goes to stderr: stdout carries results."""
    with redirect_stdout(sys.stderr):
        return loader(root, train=True, download=True), loader(root, train=False, download=True)


def _split(images: Tensor, labels: Tensor) -> Split:
    return Split(images, labels.long())


def _refuse_no_files(files: list[tuple[Path, str]]) -> None:
    """Raise `UserError` for a link to nothing, through which an archive would be unpacked elsewhere, or a pipe."""
    odd = [path for path, _ in files if os.path.lexists(path) and not path.is_file()]
    if odd:
        raise UserError(f"'{odd[0]}' is no file, and no link to one", help="remove it, and get the data again")


def _report_damaged(files: list[tuple[Path, str]]) -> None:
    """Raise `UserError` for the files that are there with another MD5 than the published one."""
    from torchvision.datasets.utils import check_integrity

    damaged = [path for path, md5 in files if path.is_file() and not check_integrity(path, md5)]
    if damaged:
        listed = ", ".join(f"'{path}'" for path in damaged)
        raise UserError(
            f"damaged or cut off (the MD5 is not the published one): {listed}", help="delete and get it again"
        )


def _absent(name: str, folder: Path, archives: list[str], error: BaseException) -> UserError:
    reason = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
    return UserError(
        f"{name} is not in '{folder}' and could not be downloaded: {reason}",
        help=f"connect this machine, or copy {', '.join(archives)} into '{folder}'",
    )
