"""How an exported model may be deployed other than as it is: in half precision, or quantized to 8 bits. No torch."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from kdbench.spec.choice import Record
from kdbench.spec.types import Count


class _Variant(Record):
    use: str

    @property
    def label(self) -> str:
        """`int8_static(samples=64)`: the name and those options that differ from the default."""
        fields = type(self).model_fields
        given = {name: getattr(self, name) for name in fields if name != "use"}
        options = [f"{name}={_plain(value)}" for name, value in given.items() if value != fields[name].default]
        return f"{self.use}({', '.join(options)})" if options else self.use


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


class Fp32(_Variant):
    """The exported file itself."""

    use: Literal["fp32"] = "fp32"


class Fp16(_Variant):
    """Weights and arithmetic in half precision, for CUDA; a CPU computes it in single precision, with casts."""

    use: Literal["fp16"] = "fp16"


class Int8Dynamic(_Variant):
    """Linear layers in 8 bits, their inputs scaled at every call by what they hold. Convolutions stay as they are."""

    use: Literal["int8_dynamic"] = "int8_dynamic"
    per_channel: bool = False  # a scale for each output of a layer
    reduce_range: bool = False  # 7 bits for weights


class Int8Static(_Variant):
    """Weights and activations in 8 bits; the ranges of activations are found beforehand on training samples."""

    use: Literal["int8_static"] = "int8_static"
    samples: Count = 256  # of the training split, as it is, without augmentation
    calibration: Literal["minmax", "entropy", "percentile"] = "minmax"
    per_channel: bool = True  # a scale for each output of a layer
    reduce_range: bool = False  # 7 bits for weights: with 8, sums may saturate on an x86 CPU without VNNI


Variant = Annotated[Fp32 | Fp16 | Int8Dynamic | Int8Static, Field(discriminator="use")]
_NAMES = [kind.model_fields["use"].default for kind in (Fp32, Fp16, Int8Dynamic, Int8Static)]


class _OrName:
    """For the JSON schema: a variant may stand as a bare name."""

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [{"enum": _NAMES}, handler(core)]}


def named_variant(value: Any) -> Any:
    """`"int8_static"` as `{use = "int8_static"}`; anything else as it is."""
    return {"use": value} if isinstance(value, str) else value


# An entry of a suite's `variants`: `"int8_static"`, or `{use = "int8_static", samples = 64}`.
NamedVariant = Annotated[Variant, BeforeValidator(named_variant), _OrName]


def distinct(variants: tuple[Variant, ...]) -> tuple[Variant, ...]:
    """The variants themselves. Raises `ValueError` where none is given, or one of them twice."""
    if not variants:
        raise ValueError('no variant is given: allowed are one or more, as ["fp32"]')
    for i, variant in enumerate(variants):
        if variant in variants[:i]:
            raise ValueError(f"the variant {variant.label} is given twice: drop one of them")
    return variants
