"""Option types with ranges. A callable annotates an option with one; a value outside is refused before any run."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from kdbench.spec.keys import Neutral as Neutral

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Fraction = Annotated[float, Field(gt=0, le=1)]
ProperFraction = Annotated[float, Field(ge=0, lt=1)]
HalfTurn = Annotated[float, Field(ge=0, le=0.5)]
Count = Annotated[int, Field(ge=1)]
WholeNumber = Annotated[int, Field(ge=0)]
TeacherCount = Annotated[int, Field(ge=1, le=5)]
GenerationCount = Annotated[int, Field(ge=1, le=100)]

# ONNX Runtime's execution providers by short name; `kdbench.deploy` maps them.
Provider = Literal["cpu", "cuda", "tensorrt", "openvino", "coreml", "dml", "xnnpack"]


def _whole_or_all(value: Any) -> Any:
    """One error for both kinds of values; pydantic would report one for each."""
    if value == "cores" or (isinstance(value, int) and not isinstance(value, bool) and value >= 1):
        return value
    raise PydanticCustomError("threads", 'allowed: a whole number, at least 1; or "cores": all physical cores')


Threads = Annotated[Count | Literal["cores"], BeforeValidator(_whole_or_all)]

# From where to where a call is timed: host array to host array, tensors that stay on the device, or those replayed as
# a CUDA graph.
CallPath = Literal["host", "device", "graph"]
ON_DEVICE = ("cuda", "tensorrt")  # providers with memory of their own
