"""A small factory of hand-made records: result sets of any shape without training a model."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from pydantic import JsonValue

from kdbench.results import (
    CurvePoint,
    Evaluation,
    LatencyRecord,
    ModelFacts,
    NotMeasured,
    Outcome,
    ParityFacts,
    ResultSet,
    RunRecord,
    SlicePair,
    TrainingCost,
    TrialRecord,
    pack_bits,
)
from kdbench.spec import Choice, DataSpec, Entry, Gate, LatencySpec, NamedChoice, Pair, Suite, TrainSpec, content_key

SAMPLES = 10_000
ENVIRONMENT: dict[str, JsonValue] = {
    "system": "Linux 6.1 x86_64",
    "python": "3.11.9",
    "cpu": "Example CPU 2.4 GHz",
    "physical_cores": 2,
    "logical_cores": 4,
    "gpus": [],
    "memory_bytes": 8 * 2**30,
    "load_average": [0.5, 0.4, 0.3],
    "versions": {"kdbench": "0.1.0", "torch": "2.9.0", "onnxruntime": "1.23.0", "onnxruntime-gpu": None},
    "kdbench_source": "0123456789abcdef",
    "kdbench_commit": "0123456789ab",
}


@dataclass
class Shape:
    """What a made-up run looks like. Accuracy is a function of (pair index, loss or 'teacher', seed)."""

    name: str = "example"
    seeds: int = 3
    teacher_seeds: int = 1
    losses: Sequence[str] = ("cross_entropy", "kd")
    pairs: Sequence[tuple[str, str]] = (("big", "small"),)
    epochs: int = 5
    accuracy: Callable[[int, str, int], float] | None = None
    validation: Callable[[int, str, int], float] | None = None
    samples: int = SAMPLES
    gates: Sequence[Gate] = ()
    latency: bool = True
    calls: int = 1000
    close: bool = False  # latencies within a few percent of each other
    not_measured: Sequence[tuple[str, str]] = ()  # (provider, reason), for every architecture
    outcomes: Mapping[tuple[str, str, int], Outcome] = field(default_factory=dict)  # (pair, loss or role, seed)


def default_accuracy(pair: int, loss: str, seed: int) -> float:
    """Plausible: the teacher leads, each loss has its own level, seeds vary by some tenths of a point."""
    level = 0.93 if loss == "teacher" else 0.895 + 0.004 * (sum(map(ord, loss)) % 5)
    noise = np.random.default_rng([pair, seed, sum(map(ord, loss))]).normal(0, 0.002)
    return float(level + 0.012 * pair + noise)


def make_results(shape: Shape | None = None) -> ResultSet:
    """A result set of the given shape, every record valid."""
    shape = shape or Shape()
    suite = make_suite(shape)
    entries, trials, outcomes = [], {}, {}
    for index, pair in enumerate(suite.pairs):
        rows = [("teacher", "cross_entropy", seed) for seed in suite.seeds[: suite.teacher_seeds]]
        rows += [("student", loss.label, seed) for loss in suite.losses for seed in suite.seeds]
        for role, loss, seed in rows:
            key = content_key([shape.name, pair.label, role, loss, seed])
            model = (pair.teacher if role == "teacher" else pair.student).label
            entries.append(Entry(pair=pair.label, role=role, model=model, loss=loss, seed=seed, key=key))
            named = "teacher" if role == "teacher" else loss
            outcomes[key] = shape.outcomes.get((pair.label, named, seed), Outcome(status="done"))
            if outcomes[key].status == "done":
                trials[key] = _trial(shape, key, index, role, named, model, seed)
    architectures = {r.model.architecture: r for r in trials.values()}
    latencies = [_latency(shape, r) for r in architectures.values()] if shape.latency else []
    run = RunRecord(
        name=suite.name,
        run_id="20250102T030405Z-abcd",
        suite=suite.model_dump(mode="json"),
        entries=tuple(entries),
        outcomes=outcomes,
        trained=tuple(trials),
        latencies=tuple(f"latency{i}" for i in range(len(latencies))),
        not_measured=tuple(
            NotMeasured(architecture=a, provider=provider, threads=1, batch=1, reason=reason)
            for a in architectures
            for provider, reason in shape.not_measured
        ),
        environment=ENVIRONMENT,
        started="2025-01-02T03:04:05+00:00",
        seconds=123.4,
    )
    return ResultSet(run, trials, tuple(latencies))


def make_suite(shape: Shape) -> Suite:
    return Suite(
        name=shape.name,
        description="Hand-made records.",
        data=DataSpec(dataset=Choice(use="digits")),
        seeds=tuple(range(shape.seeds)),
        teacher_seeds=shape.teacher_seeds,
        train=TrainSpec(epochs=shape.epochs),
        pairs=tuple(
            Pair(teacher=Choice(use=teacher), student=Choice(use=student), name=f"{teacher} -> {student}")
            for teacher, student in shape.pairs
        ),
        losses=tuple(NamedChoice(use=loss, name=loss) for loss in shape.losses),
        latency=LatencySpec(batch_sizes=(1,), providers=("cpu", *(p for p, _ in shape.not_measured))),
        gates=tuple(shape.gates),
    )


def correct_bits(top1: float, samples: int, seed: int = 0) -> str:
    """Packed bits of `samples` predictions of which the share `top1` is right."""
    bits = np.zeros(samples, dtype=bool)
    bits[: round(top1 * samples)] = True
    return pack_bits(np.random.default_rng(seed).permutation(bits))


def slice_sessions(ratio: float, sessions: int = 5, pairs: int = 8, noise: float = 0.006, seed: int = 0):
    """Interleaved slices of a candidate that is `ratio` times as slow as the reference."""
    random = np.random.default_rng(seed)

    def one(drift: float) -> SlicePair:
        a, b, c, d = np.exp(random.normal(0, noise, 4))
        return SlicePair(
            candidate_p50=120 * ratio * drift * a,
            candidate_min=110 * ratio * drift * b,
            reference_p50=120 * c,
            reference_min=110 * d,
        )

    return tuple(tuple(one(drift) for _ in range(pairs)) for drift in np.exp(random.normal(0, noise, sessions)))


def _trial(shape: Shape, key: str, pair: int, role: str, named: str, model: str, seed: int) -> TrialRecord:
    top1 = (shape.accuracy or default_accuracy)(pair, named, seed)
    validation = (shape.validation or shape.accuracy or default_accuracy)(pair, named, seed)
    big = role == "teacher"
    scale = (8 if big else 1) * (1 + pair)
    return TrialRecord(
        key=key,
        trial={"seed": seed},
        curve=tuple(
            CurvePoint(
                epoch=epoch,
                samples=epoch * 5000,
                train_loss=None if epoch == 0 else 2.3 * 0.6**epoch,
                validation_loss=2.3 * 0.7**epoch,
                validation_top1=0.1 + (validation - 0.1) * (1 - 0.25**epoch) / (1 - 0.25**shape.epochs),
            )
            for epoch in range(shape.epochs + 1)
        ),
        selected_epoch=shape.epochs,
        stopped="epochs",
        training=TrainingCost(
            steps=40 * shape.epochs,
            samples=5000 * shape.epochs,
            wall_seconds=12.0,
            cpu_seconds=11.5,
            step_seconds=(2.0 if big else 0.8) + 0.01 * seed,
            evaluation_seconds=0.1,
            data_seconds=0.2,
            **_teacher_cost(shape, named),
            cohort=1 if big else len(shape.losses),
            peak_memory_bytes=400 * 2**20,
            device="cpu",
            threads=1,
            processes=2,
        ),
        model=ModelFacts(
            architecture=content_key([model, pair]),
            parameters=12_000 * scale,
            flops=900_000 * scale,
            onnx_bytes=50_000 * scale,
            onnx_sha256=key * 4,
            weights_sha256=key * 4,
            operators={"Conv": 3, "Gemm": 1, "Relu": 3},
            opset=18,
        ),
        parity=ParityFacts(samples=512, max_difference=1e-6, tolerance=1e-4, flips=0),
        test=Evaluation(
            samples=shape.samples,
            correct_bits=correct_bits(top1, shape.samples, seed),
            loss=0.3,
            cpu_seconds=0.5 * scale,
        ),
        classes=10,
        input_shape=(1, 28, 28),
        input_mean=(0.13,),
        input_std=(0.31,),
        data_sha256="0" * 64,
        environment=ENVIRONMENT,
        finished="2025-01-02T03:05:00+00:00",
    )


def source_of(loss: str) -> Literal["none", "live", "cached"]:
    """Where a made-up loss has its teacher from: feature losses, one of which is `fitnet`, must ask it live."""
    if loss in ("teacher", "cross_entropy"):
        return "none"
    return "live" if loss == "fitnet" else "cached"


def _teacher_cost(shape: Shape, loss: str) -> dict[str, Any]:
    """A live teacher takes 0.9 s; recalling it takes 0.06 s."""
    source = source_of(loss)
    return {
        "teacher": source,
        "teacher_seconds": {"none": 0.0, "live": 0.9, "cached": 0.06}[source],
        "teacher_seconds_alone": 0.0 if source == "none" else 0.9,
        "teacher_shared_by": 1 if source == "none" else sum(source_of(other) == source for other in shape.losses),
    }


def _latency(shape: Shape, record: TrialRecord) -> LatencyRecord:
    p50 = 8.0 + record.model.flops / 30_000_000 if shape.close else 40.0 * record.model.flops / 900_000
    random = np.random.default_rng(record.model.flops)
    return LatencyRecord(
        architecture=record.model.architecture,
        provider="cpu",
        threads=1,
        batch=1,
        onnx_sha256=record.model.onnx_sha256,
        load_seconds=0.02,
        first_run_seconds=0.001,
        warmup_runs=40,
        call_microseconds=tuple((p50 * np.exp(random.gamma(0.5, 0.05, shape.calls))).tolist()),
        environment=ENVIRONMENT,
        session={"intra_op_num_threads": 1},
        finished="2025-01-02T03:06:00+00:00",
    )
