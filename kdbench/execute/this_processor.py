"""A suite as it is carried out on this processor."""

from kdbench.results.machine.processor import instruction_set, int8_saturates
from kdbench.spec import Suite
from kdbench.spec.variants import resolve


def on_this_processor(suite: Suite) -> Suite:
    """The suite with variants as this processor needs them; those that come to the same are one."""
    saturates = int8_saturates(instruction_set())
    variants = dict.fromkeys(resolve(variant, saturates) for variant in suite.variants)
    return suite.model_copy(update={"variants": tuple(variants)})
