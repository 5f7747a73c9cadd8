"""One metric of one model: the callable is called, and its result is checked."""

import math
from numbers import Real

import numpy as np
from numpy.typing import NDArray

from kdbench.spec import Choice, UserError
from kdbench.zoo.catalog import Catalog
from kdbench.zoo.interface import NotApplicable


class NoFigure(Exception):
    """A metric has no figure for a model; the text says why."""


def compute_metric(metric: Choice, logits: NDArray[np.float32], labels: NDArray[np.int64], catalog: Catalog) -> float:
    """A metric of logits [N, classes] against labels [N].

    Raises `NoFigure` where it does not apply, breaks, or gives anything but a finite number.
    """
    # Read-only: one that sorts in place must not change what the next one sees.
    given = [array.view() for array in (logits, labels)]
    for array in given:
        array.setflags(write=False)
    try:
        value = catalog.load("metrics", metric.use)(*given, **metric.options)
    except NotApplicable as reason:
        raise NoFigure(str(reason)) from reason
    except UserError as error:
        raise NoFigure(error.problems[0].what) from error
    except Exception as error:  # anybody's code: one metric that fails must not stop the others
        raise NoFigure(f"{type(error).__name__}: {error}") from error
    if isinstance(value, np.ndarray) and value.shape == ():
        value = value[()]
    if not isinstance(value, Real) or isinstance(value, bool | np.bool_):
        raise NoFigure(f"it gave {_told(value)}, not a number")
    if not math.isfinite(value):
        raise NoFigure(f"it gave {float(value)}, not a finite number")
    return float(value)


def _told(value: object) -> str:
    return f"an array of the shape {value.shape}" if isinstance(value, np.ndarray) else f"a {type(value).__name__}"
