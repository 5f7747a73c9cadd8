"""Images decoded once, into one file that every process maps into its memory. It appears whole or not at all."""

import fcntl
import hashlib
import json
import math
import os
import shutil
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kdbench.spec import UserError
from kdbench.spec.generators import Followed
from kdbench.spec.pulse import beat

Images = NDArray[np.uint8]
Counts = dict[str, int]
Decode = Callable[[], Generator[Images, None, Counts]]


class Decoded(NamedTuple):
    """Images [N, channels, height, width], uint8, mapped from a file for reading, and what decoding them counted."""

    images: Images
    counts: Counts


def decoded(file: Path, shape: tuple[int, ...], source: str, decode: Decode) -> Decoded:
    """The images in a file, of this shape.

    The file is written first, from the chunks that `decode` gives in order, unless it is there, undamaged (its SHA-256
    stands beside it, in a `.json`) and of this `source`: a fingerprint of what it was decoded from. Of several
    processes one writes and the others wait. Raises `UserError` where it cannot be written.
    """
    images = _mapped(file, shape, source)
    if images is None:
        try:
            with _alone(file):
                images = _mapped(file, shape, source)  # another process may have written it in the meantime
                if images is None:
                    _write(file, shape, source, decode())
                    images = _mapped(file, shape, source)
        except OSError as error:
            raise UserError(
                f"cannot write the decoded images to '{file}': {error.strerror or error}",
                help="free some space there, or choose another folder with --data",
            ) from error
    if images is None:
        raise UserError(f"'{file}' does not read as it was written", help="check this disk")
    return images


def _mapped(file: Path, shape: tuple[int, ...], source: str) -> Decoded | None:
    """The images in a file; none where it is absent, damaged or of another source."""
    try:
        with file.open("rb") as content:
            known = _describe(shape, source, hashlib.file_digest(content, "sha256").hexdigest())
            match json.loads(_note(file).read_bytes()):
                case {"counts": dict(counts), **rest} if rest == known:
                    # Only "r" will do: the kernel refuses a writable private map ("c") larger than its memory.
                    return Decoded(np.memmap(content, np.uint8, "r", shape=shape), counts)
    except (OSError, ValueError):
        pass
    return None


def _write(file: Path, shape: tuple[int, ...], source: str, decoding: Generator[Images, None, Counts]) -> None:
    needed, free = math.prod(shape), shutil.disk_usage(file.parent).free
    if needed > free:
        raise UserError(
            f"the decoded images need {needed:,} bytes in '{file.parent}', where {free:,} are free",
            help="free some space, choose another folder with --data, or a smaller `size`",
        )
    digest, chunks = hashlib.sha256(), Followed(decoding)
    with _draft(file) as draft:
        with draft.open("wb") as content:
            for chunk in chunks:
                beat()
                data = np.ascontiguousarray(chunk).data
                digest.update(data)
                content.write(data)
            content.flush()
            os.fsync(content.fileno())
        draft.replace(file)
    with _draft(_note(file)) as draft:  # after the file: one without its note counts as absent
        with draft.open("w", encoding="utf-8") as text:
            json.dump({**_describe(shape, source, digest.hexdigest()), "counts": chunks.result}, text)
            text.flush()
            os.fsync(text.fileno())
        draft.replace(_note(file))


def _describe(shape: tuple[int, ...], source: str, sha256: str) -> dict[str, object]:
    return {"shape": list(shape), "source": source, "sha256": sha256}


def _note(file: Path) -> Path:
    return file.with_name(f"{file.name}.json")


@contextmanager
def _draft(file: Path) -> Iterator[Path]:
    """A file to write before it takes its name. No other process writes it (`_alone`): what lies there is an old draft,
    or a link that somebody put there."""
    draft = file.with_name(f".{file.name}.draft")
    draft.unlink(missing_ok=True)
    try:
        yield draft
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def _alone(file: Path) -> Iterator[None]:
    """Exclude other processes from this file. The kernel releases the lock when its holder dies."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.with_name(f".{file.name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
