"""The keys of records: hashes of what was asked for, so that the same question finds the same record.

What is computed counts; what a suite calls it does not.
"""

from collections.abc import Iterable, Sequence

from pydantic import JsonValue

from kdbench.spec import Choice, How, content_key
from kdbench.spec.keys import record_content
from kdbench.spec.variants import Variant

# Part of every latency's key: raise it when a change of kdbench alters how calls are timed.
TIMING = 3
# Likewise of every artifact and evaluation.
EVALUATION = 2


def artifact_key(trial: str, variant: Variant, instructions: Sequence[str] | None = None) -> str:
    """The name of an exported file of a trial: what it is made of and how.

    For int8 it is also that of the processor's `instructions`, which decide how 8-bit products are computed.
    """
    on = [sorted(instructions or ())] if variant.use.startswith("int8") else []
    return content_key([EVALUATION, "artifact", trial, record_content(variant), *on])


def evaluation_key(
    artifact: str, condition: Choice | None, metrics: Iterable[Choice], *, data: str = "test", head: str | None = None
) -> str:
    """The name of an evaluation: which file, on which data under which condition, by which metrics in any order."""
    asked = sorted((_content(metric) for metric in metrics), key=content_key)
    return content_key([EVALUATION, artifact, data, _content(condition) if condition else None, head, *asked])


def _content(choice: Choice) -> dict[str, JsonValue]:
    return {name: value for name, value in record_content(choice).items() if name != "name"}


def unnamed(choice: Choice) -> dict[str, JsonValue]:
    """A condition or a metric without the name that a suite gives it."""
    return choice.model_dump(mode="json", exclude={"name"})


def score_name(metric: Choice) -> str:
    """What records call a metric, whatever a suite calls it: `top_k(k=5)`."""
    return Choice(use=metric.use, options=metric.options).label


def latency_key(
    architecture: str, reference: str, how: How, machine: str, *, margin: float, files: tuple[str, ...] = ()
) -> str:
    """The name of a latency record: what was timed against what, how, to which precision, on what kind of machine.

    `files` are hashes, where it matters which weights the graphs hold.
    """
    return content_key([TIMING, architecture, reference, record_content(how), margin, machine, *files])


def throughput_key(architecture: str, reference: str, how: How, machine: str, largest: int) -> str:
    """The name of a throughput record."""
    return content_key([TIMING, "throughput", architecture, reference, record_content(how), largest, machine])
