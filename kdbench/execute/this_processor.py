"""A suite as it is carried out on this processor."""

from kdbench.results.machine.processor import instruction_set, int8_saturates
from kdbench.spec import Suite
from kdbench.spec.variants import resolve


def on_this_processor(suite: Suite) -> Suite:
    """The suite with variants as this processor needs them, in its gates too; those that come to the same are one."""
    saturates = int8_saturates(instruction_set())
    variants = [resolve(variant, saturates) for variant in suite.variants]
    labels = {was.label: now.label for was, now in zip(suite.variants, variants, strict=True)}
    gates = [gate.model_copy(update={"variant": labels.get(gate.variant or "", gate.variant)}) for gate in suite.gates]
    return suite.model_copy(update={"variants": tuple(dict.fromkeys(variants)), "gates": tuple(gates)})
