"""How long the exported model takes, timed in a process of its own. No torch."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from kdbench.deploy.jobs import TIMEOUT_SECONDS, WORKER, Measured, MeasureJob, NoAnswer, ask_worker
from kdbench.deploy.providers import PROVIDERS
from kdbench.results import LatencyRecord, NotMeasured
from kdbench.results.store import sha256_of
from kdbench.spec import UserError, nearest

LEAST_SAMPLES = 16  # a single input lets caches and branch predictors learn it by heart
MOST_SAMPLES = 64


def measure_latency(
    onnx: Path,
    images: NDArray[np.float32],
    *,
    provider: str,
    threads: int,
    batch: int,
    seconds: float,
    architecture: str,
    environment: Mapping[str, JsonValue],
    command: tuple[str, ...] = WORKER,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> LatencyRecord | NotMeasured:
    """Every timed call of a file at one provider, number of threads and batch size, or the reason for none.

    `images` are at least 16 real samples [N, C, H, W], prepared as the model wants them. The time is from host array
    to host array. Raises `UserError` for a provider that does not exist anywhere.
    """
    require_provider(provider)
    try:
        with saved_samples(images, batch) as path:
            job = MeasureJob(
                onnx=str(onnx.resolve()),
                images=str(path),
                provider=provider,
                threads=threads,
                batch=batch,
                seconds=seconds,
            )
            answers = ask_worker(job, command=command, timeout_seconds=timeout_seconds)
        if len(answers) != 1 or not isinstance(answers[0], Measured):
            raise NoAnswer(f"the latency worker gave {len(answers)} answers where one figure was expected")
    except NoAnswer as error:
        return NotMeasured(
            architecture=architecture, provider=provider, threads=threads, batch=batch, reason=str(error)
        )
    measured = answers[0]
    return LatencyRecord(
        architecture=architecture,
        provider=provider,
        threads=threads,
        batch=batch,
        onnx_sha256=sha256_of(onnx),
        load_seconds=measured.load_seconds,
        first_run_seconds=measured.first_run_seconds,
        warmup_runs=measured.warmup_runs,
        call_microseconds=measured.call_microseconds,
        environment=dict(environment),
        session={**measured.config.model_dump(mode="json"), **measured.conditions},
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def require_provider(provider: str) -> None:
    """Raises `UserError` where there is no provider of this short name in any build of ONNX Runtime."""
    if provider not in PROVIDERS:
        raise UserError(f"unknown provider '{provider}'", help=nearest(provider, PROVIDERS))


@contextmanager
def saved_samples(images: NDArray[np.float32], batch: int) -> Iterator[Path]:
    """A file with as many samples as are cycled over. Raises `NoAnswer` where there are too few."""
    if len(images) < LEAST_SAMPLES:
        raise NoAnswer(f"at least {LEAST_SAMPLES} real samples are needed, and there are {len(images)}")
    with tempfile.TemporaryDirectory(prefix="kdbench-latency-") as folder:
        path = Path(folder) / "images.npy"
        np.save(path, np.ascontiguousarray(images[: max(MOST_SAMPLES, batch)], dtype=np.float32))
        yield path
