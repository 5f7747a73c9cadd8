"""The idx format of MNIST and its successors: big-endian dimensions, then bytes."""

import gzip
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from kdbench.spec import UserError

_UNSIGNED_BYTE = 0x08


def read_idx(path: Path) -> Tensor:
    """The uint8 tensor in an idx file, plain or ending in .gz. Raises `UserError` naming the file if it is damaged."""
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
    except FileNotFoundError as error:
        raise UserError(f"'{path}' is missing beside the files it belongs to", help="get it again") from error
    except (OSError, EOFError, zlib.error) as error:
        raise _damaged(path, str(error)) from error
    if len(content) < 4 or content[:3] != bytes((0, 0, _UNSIGNED_BYTE)):
        raise _damaged(path, f"it begins with {content[:4].hex(' ') or 'nothing'}, not with 00 00 08")
    start = 4 + 4 * content[3]
    if len(content) < start:
        raise _damaged(path, "it ends within its header")
    shape = tuple(np.frombuffer(content[4:start], ">u4").tolist())
    expected = start + int(np.prod(shape, dtype=np.int64))
    if len(content) != expected:
        raise _damaged(path, f"it holds {len(content):,} bytes where its header says {expected:,}")
    return torch.from_numpy(np.frombuffer(content, np.uint8, offset=start).reshape(shape).copy())


def _damaged(path: Path, reason: str) -> UserError:
    return UserError(f"'{path}' is damaged or cut off: {reason}", help="delete it and get it again")
