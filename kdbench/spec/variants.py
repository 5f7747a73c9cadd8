"""How an exported model may be deployed other than as it is: in half precision, or quantized to 8 bits. No torch."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from kdbench.spec.choice import Record, about, by_use
from kdbench.spec.types import Count, Epochs, Fraction


class _Variant(Record):
    use: str

    @property
    def label(self) -> str:
        """`int8_static(samples=64)`: the name and those options that are not the usual ones.

        Where the default leaves a choice to the processor, the usual option is false.
        """
        fields = type(self).model_fields
        given = {name: getattr(self, name) for name in fields if name != "use"}
        usual = {name: (None, fields[name].default or False) for name in given}
        options = [f"{name}={_plain(value)}" for name, value in given.items() if value not in usual[name]]
        return f"{self.use}({', '.join(options)})" if options else self.use


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


class Fp32(_Variant):
    """The exported file itself."""

    use: Literal["fp32"] = "fp32"


class Fp16(_Variant):
    """Weights and arithmetic in half precision, for CUDA; a CPU computes it in single precision, with casts."""

    use: Literal["fp16"] = "fp16"


PER_CHANNEL = about("Whether each output of a layer has a scale of its own.", example=True)


class _Int8(_Variant):
    reduce_range: Annotated[
        bool | None,
        about(
            "Whether weights take 7 bits; without it, they do where sums of 8-bit products may saturate.", example=True
        ),
    ] = None  # see `resolve`


class Int8Dynamic(_Int8):
    """Linear layers in 8 bits, their inputs scaled at every call by what they hold. Convolutions stay as they are."""

    use: Literal["int8_dynamic"] = "int8_dynamic"
    per_channel: Annotated[bool, PER_CHANNEL] = False


class Int8Static(_Int8):
    """Weights and activations in 8 bits; the ranges of activations are found beforehand on training samples."""

    use: Literal["int8_static"] = "int8_static"
    samples: Annotated[
        Count,
        about(
            "Of the training split, without augmentation, on which ranges are found; all where it has fewer.",
            unit="samples",
            example=64,
        ),
    ] = 256
    calibration: Annotated[
        Literal["minmax", "entropy", "percentile"],
        about("How the range of an activation is found.", example="percentile"),
    ] = "minmax"
    per_channel: Annotated[bool, PER_CHANNEL] = True


class Int8Qat(_Int8):
    """All in 8 bits, as `Int8Static`, after further training in which the student computes as if in 8 bits.

    Quantization-aware training under the student's own loss and teachers, from its trained weights; its recipe applies
    but for what stands here, in float32. Teachers have no such variant.
    """

    use: Literal["int8_qat"] = "int8_qat"
    epochs: Annotated[Epochs, about("Of the further training.", unit="epochs", example=4)] = 2
    lr: Annotated[
        Fraction, about("Of the further training.", unit="times the recipe's learning rate", example=0.05)
    ] = 0.1

    @property
    def weight_bits(self) -> Literal[7, 8]:
        return 8 if self.reduce_range is False else 7


Converted = Fp32 | Fp16 | Int8Dynamic | Int8Static  # made of the exported file alone
Variant = Annotated[Converted | Int8Qat, Field(discriminator="use")]
_NAMES = [kind.model_fields["use"].default for kind in (Fp32, Fp16, Int8Dynamic, Int8Static, Int8Qat)]


def resolve(variant: Variant, saturates: bool | None) -> Variant:
    """The variant as it is made on a processor whose sums of 8-bit products saturate, or do not, or nobody knows.

    Where the suite leaves it open, weights take 7 bits unless sums are known to be exact: with 7 bits they always are,
    and a bit of precision costs far less than saturation does.
    """
    if isinstance(variant, _Int8) and variant.reduce_range is None:
        return variant.model_copy(update={"reduce_range": saturates is not False})
    return variant


class _OrName:
    """For the JSON schema: a variant may stand as a bare name."""

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [{"enum": _NAMES}, handler(core)]}


# An entry of a suite's `variants`: `"int8_static"`, or `{use = "int8_static", samples = 64}`.
NamedVariant = Annotated[Variant, BeforeValidator(by_use), _OrName]


def distinct(variants: tuple[Variant, ...]) -> tuple[Variant, ...]:
    """The variants themselves. Raises `ValueError` where none is given, or one of them twice."""
    if not variants:
        raise ValueError('no variant is given: allowed are one or more, as ["fp32"]')
    for i, variant in enumerate(variants):
        if variant in variants[:i]:
            raise ValueError(f"the variant {variant.label} is given twice: drop one of them")
    return variants
