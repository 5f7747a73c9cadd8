"""How deployed models are timed."""

from kdbench.spec.choice import Record, Several
from kdbench.spec.types import ON_DEVICE, CallPath, Count, Positive, Provider, Threads


class How(Record):
    """How one latency is taken."""

    provider: Provider
    threads: Count
    batch: Count
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

    batch_sizes: Several[Count] = (1, 32)
    threads: Several[Threads] = (1,)  # "cores": all physical cores
    providers: Several[Provider] = ("cpu",)
    spinning: Several[bool] = (False,)
    paths: Several[CallPath] = ("host",)  # on a GPU; elsewhere host arrays go in and out
    margin: Positive = 0.05  # timing goes on until the ratio's interval is within half of it to both sides
    largest_batch: Count = 256  # throughput is swept over batches 1, 2, 4 ... up to this; 1: no sweep

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
