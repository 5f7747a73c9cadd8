import subprocess
import sys
from typing import Annotated

import jsonschema
import pytest
from pydantic import AfterValidator, TypeAdapter, ValidationError

from kdbench.spec import Record
from kdbench.spec.choice import Several
from kdbench.spec.variants import Fp16, Fp32, Int8Dynamic, Int8Qat, Int8Static, NamedVariant, Variant, distinct, resolve


class Holder(Record):
    """As a suite has it."""

    variants: Annotated[Several[NamedVariant], AfterValidator(distinct)] = (Fp32(),)


def read(*entries: object) -> tuple[Variant, ...]:
    return Holder.model_validate({"variants": list(entries)}).variants


def test_a_variant_is_a_name_or_a_table() -> None:
    assert Holder().variants == (Fp32(),)
    assert read("fp32", "int8_static", {"use": "int8_static", "samples": 64}, "fp16", "int8_dynamic") == (
        Fp32(),
        Int8Static(),
        Int8Static(samples=64),
        Fp16(),
        Int8Dynamic(),
    )


@pytest.mark.parametrize(
    "wrong",
    ["int4", 8, {"use": "fp16", "samples": 3}, {"use": "int8_static", "samples": 0}, {"use": 3},
     {"use": "int8_static", "calibration": "mean"}, {"use": "int8_static", "per_channel": 1}],
)  # fmt: skip
def test_what_is_no_variant_is_refused_by_value_and_by_schema(wrong: object) -> None:
    with pytest.raises(ValidationError):
        read(wrong)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"variants": [wrong]}, Holder.model_json_schema())


def test_a_table_without_a_name_is_refused() -> None:
    with pytest.raises(ValidationError, match="use"):
        read({"samples": 3})


def test_the_schema_takes_what_is_read() -> None:
    content = {"variants": ["fp16", {"use": "int8_static", "calibration": "entropy"}, {"use": "fp32"}]}
    jsonschema.validate(content, Holder.model_json_schema())
    Holder.model_validate(content)


def test_the_same_variant_twice_is_refused() -> None:
    assert len(read("int8_static", {"use": "int8_static", "per_channel": False})) == 2
    with pytest.raises(ValidationError, match=r"variant int8_static is given twice"):
        read("int8_static", "fp32", {"use": "int8_static", "samples": 256})
    with pytest.raises(ValidationError, match="no variant is given"):
        read()


def test_labels_name_what_differs_from_the_default() -> None:
    labels = [variant.label for variant in read("fp32", "int8_static", {"use": "int8_static", "samples": 64})]
    assert labels == ["fp32", "int8_static", "int8_static(samples=64)"]
    assert Int8Static(per_channel=False, calibration="entropy").label == (
        "int8_static(calibration=entropy, per_channel=false)"
    )
    assert Int8Static(samples=256).label == "int8_static"


@pytest.mark.parametrize("kind", [Int8Dynamic, Int8Static])
@pytest.mark.parametrize(("saturates", "seven_bits"), [(True, True), (False, False), (None, True)])
def test_the_processor_decides_what_the_suite_leaves_open(kind: type, saturates: bool | None, seven_bits: bool) -> None:
    assert resolve(kind(per_channel=True), saturates) == kind(per_channel=True, reduce_range=seven_bits)
    for asked in (True, False):  # a suite that says so is obeyed
        assert resolve(kind(reduce_range=asked), saturates) == kind(reduce_range=asked)


def test_variants_without_integers_have_nothing_to_resolve() -> None:
    assert (resolve(Fp32(), True), resolve(Fp16(), True)) == (Fp32(), Fp16())


def test_training_in_8_bits_takes_seven_for_weights_unless_sums_are_known_to_be_exact() -> None:
    found = {saturates: resolve(Int8Qat(), saturates) for saturates in (True, None, False)}
    assert {saturates: variant.weight_bits for saturates, variant in found.items() if isinstance(variant, Int8Qat)} == {
        True: 7,
        None: 7,
        False: 8,
    }


def test_only_weights_of_seven_bits_are_named_in_a_label() -> None:
    asked = (None, False, True)
    assert [Int8Dynamic(reduce_range=value).label for value in asked] == [
        "int8_dynamic",
        "int8_dynamic",
        "int8_dynamic(reduce_range=true)",
    ]


def test_variants_are_frozen_hashable_and_survive_json() -> None:
    adapter: TypeAdapter[Variant] = TypeAdapter(Variant)
    for variant in (Fp32(), Fp16(), Int8Dynamic(per_channel=True), Int8Static(samples=8), Int8Qat(epochs=3)):
        assert adapter.validate_json(variant.model_dump_json()) == variant
        assert {variant: 1}[variant.model_copy()] == 1
    with pytest.raises(ValidationError):
        Fp32().use = "fp16"  # type: ignore[misc, assignment]


def test_no_torch_and_no_onnxruntime() -> None:
    code = "import sys, kdbench.spec.variants; print(*({'torch', 'onnxruntime', 'onnx'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "\n"
