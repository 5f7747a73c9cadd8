"""Whether a file's logits are of each image alone: accuracy is of batches, and latency of single calls. No torch."""

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.float32]
Logits = NDArray[np.float32]
Dependence = Literal["chance", "the rest of the batch", "the order of the batch"]

ALONE = 8  # images that are given one by one
ALLOWED = 0.01  # of the logits' standard deviation: kernels differ by batch size, in the sixth digit


def dependence(predict: Callable[[Images], Logits], images: Images, got: Logits, size: int = 1) -> Dependence | None:
    """What the logits `got` [N, classes] of `images` [N, C, H, W] depend on besides each image; None: on nothing.

    The images are given a second time, one by one, and in another order. `size` is the least batch that the model
    takes: an image alone is given as a batch of itself.
    """
    alone = [predict(np.repeat(images[at : at + 1], size, axis=0))[:1] for at in range(min(ALONE, len(images)))]
    checks: tuple[tuple[Dependence, Logits], ...] = (
        ("chance", predict(images)),
        ("the rest of the batch", np.concatenate(alone)),
        ("the order of the batch", predict(images[::-1])[::-1]),
    )
    allowed = ALLOWED * float(got.std())
    for on, again in checks:
        if not float(np.abs(again - got[: len(again)]).max()) <= allowed:
            return on
    return None
