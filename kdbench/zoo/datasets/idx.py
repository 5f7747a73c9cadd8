"""The idx format of MNIST and its successors: big-endian dimensions, then bytes."""

import gzip
import math
import zlib
from pathlib import Path
from typing import IO

import numpy as np
import torch
from torch import Tensor

from kdbench.spec import UserError
from kdbench.zoo.datasets.capacity import fits, free_memory

_UNSIGNED_BYTE = 0x08
_MOST_DIMENSIONS = 4  # samples, channels, height, width


def read_idx(path: Path) -> Tensor:
    """The uint8 tensor in an idx file, plain or ending in .gz.

    No more is read or unpacked than its header says. Raises `UserError` naming the file where it is damaged, or larger
    than what memory there is for images.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as content:
            return _read(path, content)
    except FileNotFoundError as error:
        raise UserError(f"'{path}' is missing beside the files it belongs to", help="get it again") from error
    except (OSError, EOFError, zlib.error) as error:
        raise _damaged(path, str(error)) from error


def _read(path: Path, content: IO[bytes] | gzip.GzipFile) -> Tensor:
    start = content.read(4)
    if len(start) < 4 or start[:3] != bytes((0, 0, _UNSIGNED_BYTE)):
        raise _damaged(path, f"it begins with {start.hex(' ') or 'nothing'}, not with 00 00 08")
    if not 1 <= start[3] <= _MOST_DIMENSIONS:
        raise _damaged(path, f"its header says {start[3]} dimensions; allowed are 1 to {_MOST_DIMENSIONS}")
    sides = content.read(4 * start[3])
    if len(sides) < 4 * start[3]:
        raise _damaged(path, "it ends within its header")
    shape = np.frombuffer(sides, ">u4").tolist()
    expected = math.prod(shape)
    if not expected:
        raise _damaged(path, f"its header says {'x'.join(map(str, shape))} values: none")
    if not fits(expected, free := free_memory()):
        text = f"'{path}' needs {expected:,} bytes by its header, and {free:,} are free"
        raise UserError(text, help="free some memory, or get the file again where it is not that large")
    values = content.read(expected + 1)
    if len(values) != expected:
        held = f"{len(values):,}" if len(values) < expected else "more"
        raise _damaged(path, f"it holds {held} values where its header says {expected:,}")
    return torch.from_numpy(np.frombuffer(values, np.uint8).reshape(shape).copy())


def _damaged(path: Path, reason: str) -> UserError:
    return UserError(f"'{path}' is damaged or cut off: {reason}", help="delete it and get it again")
