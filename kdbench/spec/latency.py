"""How deployed models are timed."""

from typing import Annotated

from kdbench.spec.choice import Record, Several, about
from kdbench.spec.types import ON_DEVICE, Batch, CallPath, Count, Positive, Provider, Threads


class How(Record):
    """How one latency is taken."""

    provider: Provider
    threads: Count
    batch: Batch
    spinning: bool = False  # whether threads without work keep their core busy
    path: CallPath = "host"

    @property
    def label(self) -> str:
        """'cpu, 2 threads, spinning, batch 32'."""
        words = [self.provider, f"{self.threads} thread{'s' * (self.threads > 1)}"]
        words += ["spinning"] * self.spinning + {"host": [], "device": ["on the device"], "graph": ["CUDA graph"]}[
            self.path
        ]
        return ", ".join([*words, f"batch {self.batch}"])


class LatencySpec(Record):
    """What is timed, once per architecture: every combination, in slices interleaved with a reference network's."""

    batch_sizes: Annotated[
        Several[Batch],
        about("Batch sizes that are timed; an empty list times nothing.", unit="samples", example=[1, 8]),
    ] = (1, 32)
    threads: Annotated[
        Several[Threads],
        about('Intra-op threads; "cores" stands for all physical ones.', unit="threads", example=[1, "cores"]),
    ] = (1,)
    providers: Annotated[
        Several[Provider],
        about(
            "ONNX Runtime's execution providers; a missing one is reported as not measured.", example=["cpu", "cuda"]
        ),
    ] = ("cpu",)
    spinning: Annotated[
        Several[bool],
        about("Whether threads without work keep their core busy, at the expense of others.", example=[False, True]),
    ] = (False,)
    paths: Annotated[
        Several[CallPath],
        about(
            'On a GPU, from where to where a call is timed: arrays of the host ("host"), tensors that stay on the '
            'device ("device"), or those replayed as a CUDA graph ("graph"). Elsewhere it is the host.',
            example=["host", "device"],
        ),
    ] = ("host",)
    margin: Annotated[
        Positive,
        about(
            "Timing goes on until each ratio of latencies is known to half of it, to both sides.",
            unit="share",
            example=0.1,
        ),
    ] = 0.05
    largest_batch: Annotated[
        Batch,
        about("Throughput is swept over batches of 1, 2, 4 ... up to this; 1: no sweep.", unit="samples", example=64),
    ] = 256

    def combinations(self, cores: int) -> tuple[How, ...]:
        """Everything that is timed of one architecture on a machine with so many usable physical cores."""
        return tuple(
            How(provider=provider, threads=threads, batch=batch, spinning=spinning, path=path)
            for provider in self.providers
            for path in (self.paths if provider in ON_DEVICE else ("host",))
            for threads in dict.fromkeys(cores if count == "cores" else count for count in self.threads)
            for spinning in self.spinning
            for batch in self.batch_sizes
        )
