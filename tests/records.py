"""A small factory of hand-made records: result sets of any shape without training a model."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from kdbench.results import (
    ArtifactRecord,
    CurvePoint,
    DriftFacts,
    EvaluationRecord,
    LatencyRecord,
    ModelFacts,
    NotMeasured,
    Outcome,
    ParityFacts,
    Predictions,
    ResultSet,
    RunRecord,
    SlicePair,
    TrainingCost,
    TrialRecord,
    pack_bits,
)
from kdbench.results.keys import artifact_key, evaluation_key, score_name, unnamed
from kdbench.results.predictions import Agreement, ConfidenceBin
from kdbench.results.timings import BatchTimed, ColdStart, Energy, ThroughputRecord
from kdbench.spec import (
    Choice,
    DataSpec,
    Entry,
    Gate,
    How,
    LatencySpec,
    Lesson,
    NamedChoice,
    Pair,
    Suite,
    TrainSpec,
    Trial,
)
from kdbench.spec.comparison import Budget, Tuning
from kdbench.spec.conditions import STANDARD
from kdbench.spec.keys import content_key
from kdbench.spec.planning.entry import Role
from kdbench.spec.suite import LossChoice, SweptChoice, TeacherChoice
from kdbench.spec.task import Head, Input, Task
from kdbench.spec.types import Provider
from kdbench.spec.variants import Fp16, Fp32, Int8Dynamic, Int8Static, Variant

SAMPLES = 10_000
BINS = 15
MACHINE: dict[str, JsonValue] = {
    "system": "Linux 6.1 x86_64",
    "python": "3.11.9",
    "cpu": "Example CPU 2.4 GHz",
    "physical_cores": 2,
    "logical_cores": 4,
    "timing_cores": 2,
    "gpus": [],
    "memory_bytes": 8 * 2**30,
    "load_average": [0.5, 0.4, 0.3],
    "versions": {"kdbench": "0.1.0", "torch": "2.9.0", "onnxruntime": "1.23.0", "onnxruntime-gpu": None},
    "kdbench_source": "0123456789abcdef",
    "kdbench_commit": "0123456789ab",
}
VARIANTS: dict[str, Variant] = {v.use: v for v in (Fp32(), Fp16(), Int8Dynamic(), Int8Static())}
TASK = Task(
    inputs=(Input(shape=(1, 28, 28), dtype="uint8", mean=(33.0,), std=(79.0,)),),
    heads=(Head(classes=10),),
)
GENERATIONS = 3
TUNING_SEED = 1000
AS_COSTLY = 2.0  # the budget of the student alone, of 1.1 s, that costs at least what a row with a teacher does, 2.0 s
WAYS = {
    "single": SweptChoice(use="single"),
    "ensemble": SweptChoice(use="ensemble", options={"count": 2}),
    "generations": SweptChoice(use="generations", options={"count": GENERATIONS}),
}
HOW = How(provider="cpu", threads=1, batch=1)
NO_COUNTER = "no RAPL counter"


@dataclass
class Shape:
    """What a made-up run looks like. Accuracy is a function of (pair index, row or 'teacher', seed).

    The step at position n of a row has the accuracy of the row '<row>, step n', and its try of '<row>, try n'.
    """

    name: str = "example"
    seeds: int = 3
    teacher_seeds: int = 1
    losses: Sequence[str] = ("cross_entropy", "kd")
    alone: Sequence[float] = (1.0,)  # budgets of `cross_entropy`; with several, losses are compared by cost too
    confirms: str = ""  # the loss that is trained with the student alone at as many seeds of its own as `seeds`
    tries: int = 0  # of each row, the third at the temperature 3 ...; the tuned row has the temperature 2
    temperatures: Sequence[float] = ()  # at which `kd` is swept
    teaching: Sequence[str] = ("single",)  # by name, of `WAYS`; generations have steps, the others have none
    pairs: Sequence[tuple[str, str]] = (("big", "small"),)
    epochs: int = 5
    accuracy: Callable[[int, str, int], float] | None = None
    validation: Callable[[int, str, int], float] | None = None
    readings: Callable[[str, int, int], dict[str, float]] | None = None  # of (row or 'teacher', seed, epoch)
    samples: int = SAMPLES
    gates: Sequence[Gate] = ()
    latency: bool = True
    batch_sizes: Sequence[int] = (1,)
    calls: int = 1000
    close: bool = False  # latencies within a few percent of each other
    noise: float = 0.006  # SD of a slice's log time, and of a session's log ratio
    joules: float | None = None  # per sample; none where there is no counter
    ties: bool = False  # every further loss of a student's architecture timed against the first
    throughput: bool = False  # batches 1, 2, 4, 8 of every architecture
    conditions: Sequence[str] = ()  # of the standard ones, by name; each takes its own share of what was right
    noises: Sequence[float] = ()  # gaussian_noise at these SDs, after those
    attacks: Sequence[float] = ()  # fgsm at these epsilons, after the other conditions
    metrics: Sequence[str] = ()  # by name; the first is half the top-1 of its trial, the second a third of it ...
    variants: Sequence[str] = ("fp32",)
    not_measured: Sequence[tuple[Provider, str]] = ()  # (provider, reason), for every architecture
    outcomes: Mapping[tuple[str, str, int], Outcome] = field(default_factory=dict)  # (pair, row or role, seed)


def default_accuracy(pair: int, loss: str, seed: int) -> float:
    """Plausible: the teacher leads, each loss has its own level, seeds vary by some tenths of a point."""
    level = 0.93 if loss == "teacher" else 0.895 + 0.004 * (sum(map(ord, loss)) % 5)
    noise = np.random.default_rng([pair, seed, sum(map(ord, loss))]).normal(0, 0.002)
    return float(level + 0.012 * pair + noise)


def make_results(shape: Shape | None = None) -> ResultSet:
    """A result set of the given shape, every record valid."""
    shape = shape or Shape()
    suite = make_suite(shape)
    entries: list[Entry] = []
    records: dict[str, TrialRecord] = {}
    outcomes: dict[str, Outcome] = {}
    artifacts: list[ArtifactRecord] = []
    evaluations: list[EvaluationRecord] = []
    for index, pair in enumerate(suite.pairs):
        for entry in _entries(shape, suite, pair):
            key, role, model, seed = entry.key, entry.role, entry.model, entry.seed
            entries.append(entry)
            named = "teacher" if role == "teacher" else entry.row
            if role in ("step", "try"):
                named += f", {role} {entry.position}"
                outcomes.setdefault(key, shape.outcomes.get((pair.label, named, seed), Outcome(status="done")))
                if outcomes[key].status == "done":
                    records.setdefault(key, _trial(shape, key, index, "student", named, seed))
                continue
            outcomes[key] = shape.outcomes.get((pair.label, named, seed), Outcome(status="done"))
            if outcomes[key].status == "done":
                records[key] = _trial(shape, key, index, role, named, seed, entry.budget)
                exported = _exported(shape, key, index, role, model)
                artifacts.append(exported)
                correct = right(shape, index, named, seed)
                agreement = (
                    None
                    if source_of(named) == "none"
                    else Agreement(top1=0.5 + correct.mean() / 2, kl=1 - correct.mean())
                )
                evaluations += _evaluations(suite, exported, correct, seed, agreement)
                for variant in (VARIANTS[use] for use in shape.variants if use != "fp32"):
                    made, kept = _variant(exported, variant, correct, seed)
                    artifacts.append(made)
                    evaluations.append(_evaluation(suite, made, kept))
    timed = _timed(artifacts) if shape.latency else {}
    latencies = [*_latencies(shape, timed), *(_ties(shape, entries, artifacts) if shape.ties and timed else ())]
    throughputs = _throughputs(shape, timed) if shape.throughput else []
    run = RunRecord(
        name=suite.name,
        run_id="20250102T030405Z-abcd",
        suite=suite.model_dump(mode="json"),
        entries=tuple(entries),
        outcomes=outcomes,
        trained=tuple(records),
        artifacts=tuple(artifact.key for artifact in artifacts),
        evaluations=tuple(evaluation.key for evaluation in evaluations),
        latencies=_keys("latency", latencies),
        throughputs=_keys("throughput", throughputs),
        not_measured=tuple(
            NotMeasured(architecture=a, how=How(provider=provider, threads=1, batch=batch), reason=reason)
            for a in dict.fromkeys(artifact.model.architecture for artifact in artifacts)
            for provider, reason in shape.not_measured
            for batch in shape.batch_sizes
        ),
        machine=MACHINE,
        started="2025-01-02T03:04:05+00:00",
        seconds=123.4,
    )
    return ResultSet(
        run,
        records,
        {artifact.key: artifact for artifact in artifacts},
        {evaluation.key: evaluation for evaluation in evaluations},
        tuple(latencies),
        tuple(throughputs),
    )


TRIALS: dict[str, Trial] = {}  # all that were made up, by key


def made_up(content: list[JsonValue], seed: int, epochs: int) -> str:
    """The key of a trial that stands for this content."""
    trial = Trial(
        model=Choice(use="mlp"),
        data=DataSpec(dataset=Choice(use="digits")),
        lessons=(Lesson(loss=Choice(use="cross_entropy", options={"content": content_key(content)})),),
        train=TrainSpec(epochs=epochs),
        seed=seed,
    )
    TRIALS[trial.key] = trial
    return trial.key


def _entries(shape: Shape, suite: Suite, pair: Pair) -> Iterator[Entry]:
    """Of one pair, as a plan has them: the first of several generations is the student under one teacher."""

    def entry(role: Role, loss: str, seed: int, teaching: str = "", position: int = 0, budget: float = 1.0) -> Entry:
        way: list[JsonValue] = [] if teaching in ("", "single") else [teaching, position]
        longer: list[JsonValue] = [] if budget == 1 else [budget]
        return Entry(
            pair=pair.label,
            role=role,
            model=(pair.teacher if role == "teacher" else pair.student).label,
            loss=loss,
            teaching=teaching,
            seed=seed,
            position=position,
            key=made_up([shape.name, pair.label, role, loss, seed, *way, *longer], seed, shape.epochs),
            budget=budget,
        )

    yield from (entry("teacher", "cross_entropy", seed) for seed in suite.seeds[: suite.teacher_seeds])
    for choice in suite.losses:
        loss, swept = choice.label, {"sweep": choice.sweep, "settings": choice.settings}
        for way in suite.teaching if source_of(loss) != "none" else (None,):
            last = GENERATIONS if way and way.use == "generations" else 0
            for seed in suite.seeds:
                for position in range(1, last):
                    step = entry("step", loss, seed, way.label if way else "", position)
                    first = entry("student", loss, seed, "single")
                    yield step.model_copy(update={"key": first.key}) if position == 1 else step
                budgets = shape.alone if loss == "cross_entropy" else (1.0,)
                for each in budgets:
                    yield entry("student", loss, seed, way.label if way else "", last, each).model_copy(update=swept)
            if shape.tries:
                yield from _tuned(shape, suite, entry("student", loss, TUNING_SEED, way.label if way else ""))
    for seed in suite.confirming:
        yield entry("confirmation", shape.confirms, seed, "single")
        yield entry("confirmation", "cross_entropy", seed)
        if len(shape.alone) > 1:
            yield entry("confirmation", "cross_entropy", seed, budget=AS_COSTLY)


def _tuned(shape: Shape, suite: Suite, row: Entry) -> Iterator[Entry]:
    """The tries of a row, and the row under the settings of the second."""

    def entry(role: Role, seed: int, number: int) -> Entry:
        changes = {
            "role": role,
            "seed": seed,
            "key": made_up([row.key, role, seed, number], seed, shape.epochs),
            "settings": {} if number == 1 else {"temperature": float(number)},
            **({"position": number} if role == "try" else {"tuned": True}),
        }
        return row.model_copy(update=changes)

    yield from (entry("try", TUNING_SEED, number) for number in range(1, shape.tries + 1))
    yield from (entry("student", seed, 2) for seed in suite.seeds)


def edited(
    results: ResultSet,
    *,
    trials: Callable[[TrialRecord], TrialRecord | None] = lambda record: record,
    artifacts: Callable[[ArtifactRecord], ArtifactRecord | None] = lambda record: record,
    evaluations: Callable[[EvaluationRecord], EvaluationRecord | None] = lambda record: record,
) -> ResultSet:
    """The results with each record changed; those for which a function gives none are left out."""
    return replace(
        results,
        records={key: new for key, record in results.records.items() if (new := trials(record))},
        artifacts={key: made for key, artifact in results.artifacts.items() if (made := artifacts(artifact))},
        evaluations={key: found for key, each in results.evaluations.items() if (found := evaluations(each))},
    )


def with_largest_class(results: ResultSet, samples: int | None) -> ResultSet:
    """The results with so many test samples of one class."""

    def counted(record: EvaluationRecord) -> EvaluationRecord:
        told = record.predictions.model_copy(update={"most_common": samples})
        return record.model_copy(update={"predictions": told})

    return edited(results, evaluations=counted)


def make_suite(shape: Shape) -> Suite:
    standard = {environment["name"]: NamedChoice.model_validate(environment) for environment in STANDARD}
    return Suite(
        name=shape.name,
        description="Hand-made records.",
        data=DataSpec(dataset=Choice(use="digits")),
        seeds=tuple(range(shape.seeds)),
        teacher_seeds=shape.teacher_seeds,
        train=TrainSpec(epochs=shape.epochs),
        pairs=tuple(
            Pair(teacher=TeacherChoice(use=teacher), student=Choice(use=student), name=f"{teacher} -> {student}")
            for teacher, student in shape.pairs
        ),
        losses=tuple(each for loss in shape.losses for each in _losses(shape, loss)),
        teaching=tuple(WAYS[use] for use in shape.teaching),
        conditions=(
            *(standard[name] for name in shape.conditions),
            *(NamedChoice(use="gaussian_noise", options={"sd": sd}, name=f"noise {sd:g}") for sd in shape.noises),
            *(NamedChoice(use="fgsm", options={"epsilon": epsilon}) for epsilon in shape.attacks),
        ),
        metrics=tuple(NamedChoice(use=use) for use in shape.metrics),
        variants=tuple(VARIANTS[use] for use in shape.variants),
        latency=LatencySpec(
            batch_sizes=tuple(shape.batch_sizes),
            providers=("cpu", *(p for p, _ in shape.not_measured)),
            largest_batch=8 if shape.throughput else 1,
        ),
        gates=tuple(shape.gates),
        tuning=Tuning(trials=shape.tries, seeds=(TUNING_SEED,), epochs=2) if shape.tries else None,
        budget=Budget(by="both" if len(shape.alone) > 1 else "epochs", alone=tuple(shape.alone)),
        confirm_seeds=tuple(range(shape.seeds, 2 * shape.seeds)) if shape.confirms else (),
    )


def _losses(shape: Shape, loss: str) -> list[LossChoice]:
    """A loss, or its swept settings."""
    if loss != "kd" or not shape.temperatures:
        return [LossChoice(use=loss, name=loss)]
    return [
        LossChoice(
            use=loss,
            name=f"kd(temperature={each:g})",
            options={"temperature": each},
            sweep="kd",
            settings={"temperature": each},
        )
        for each in shape.temperatures
    ]


def _keys(kind: str, records: Sequence[object]) -> tuple[str, ...]:
    return tuple(content_key([kind, i]) for i in range(len(records)))


def correct_bits(top1: float, samples: int, seed: int = 0) -> str:
    """Packed bits of `samples` predictions of which the share `top1` is right."""
    bits = np.zeros(samples, dtype=bool)
    bits[: round(top1 * samples)] = True
    return pack_bits(np.random.default_rng(seed).permutation(bits))


def predictions(correct: NDArray[np.bool_], loss: float = 0.3) -> dict[str, Any]:
    """The fields of `Predictions`: those that are right are told with 95 % confidence, the others with 60 %."""
    right = int(correct.sum())
    bins = [ConfidenceBin(count=0, confidence=0.0, correct=0)] * BINS
    bins[8] = ConfidenceBin(count=len(correct) - right, confidence=0.6 * (len(correct) - right), correct=0)
    bins[14] = ConfidenceBin(count=right, confidence=0.95 * right, correct=right)
    brier = (0.005 * right + 0.6 * (len(correct) - right)) / max(1, len(correct))
    return {
        "samples": len(correct),
        "correct_bits": pack_bits(correct),
        "loss": loss,
        "brier": brier,
        "confidence": tuple(bins),
    }


def slice_sessions(
    ratio: float,
    sessions: int = 5,
    pairs: int = 8,
    noise: float = 0.006,
    seed: int = 0,
    reference: float = 120.0,
) -> tuple[tuple[SlicePair, ...], ...]:
    """Interleaved slices of a candidate that is `ratio` times as slow as a reference of so many microseconds."""
    random = np.random.default_rng(seed)

    def one(drift: float) -> SlicePair:
        a, b, c, d = np.exp(random.normal(0, noise, 4))
        return SlicePair(
            candidate_p50=reference * ratio * drift * a,
            candidate_min=0.92 * reference * ratio * drift * b,
            candidate_mean=1.02 * reference * ratio * drift * a,
            reference_p50=reference * c,
            reference_min=0.92 * reference * d,
            reference_mean=1.02 * reference * c,
        )

    return tuple(tuple(one(drift) for _ in range(pairs)) for drift in np.exp(random.normal(0, noise, sessions)))


def pair_of(candidate: float, reference: float = 1.0) -> SlicePair:
    """Slices without spread: p50, minimum and mean are the same; microseconds."""
    times = {f"candidate_{figure}": candidate for figure in ("p50", "min", "mean")}
    return SlicePair(**times, **{f"reference_{figure}": reference for figure in ("p50", "min", "mean")})


def latency_record(**changes: Any) -> LatencyRecord:
    """A network of 120 us timed against itself: noise, unless architecture or file are changed."""
    content: dict[str, Any] = {
        "trial": "trial",
        "architecture": "small",
        "reference": "small",
        "how": HOW,
        "onnx_sha256": "1" * 64,
        "reference_sha256": "1" * 64,
        "cold": tuple(
            ColdStart(load_seconds=0.02 * n, first_run_seconds=0.001 * n, memory_bytes=n * 2**20) for n in (1, 2, 3)
        ),
        "sessions": slice_sessions(1.0),
        "calls": 1000,
        "call_microseconds": tuple(120.0 + i / 1000 for i in range(1000)),
        "energy": Energy(reason=NO_COUNTER),
        "conditions": (conditions(),),
        "machine": MACHINE,
        "finished": "2025-01-02T03:06:00+00:00",
    }
    return LatencyRecord(**{**content, **changes})


def conditions(**changes: JsonValue) -> dict[str, JsonValue]:
    """What the worker tells of one round."""
    content: dict[str, JsonValue] = {
        "cpu_seconds": 0.98,
        "wall_seconds": 1.0,
        "involuntary_context_switches": 3,
        "steal_seconds": 0.01,
        "cpu_pressure_seconds": 0.02,
        "load_average": [0.5, 0.4, 0.3],
        "lag_1_autocorrelation": 0.1,
        "input_batches": 64,
        "intra_op_num_threads": 1,
        "providers": ["CPUExecutionProvider"],
        "omp_num_threads": "1",
    }
    return {**content, **changes}


def right(shape: Shape, pair: int, named: str, seed: int) -> NDArray[np.bool_]:
    """Which test samples a trial predicts right: as many as `accuracy` says, in an order that its seed decides."""
    bits = np.zeros(shape.samples, dtype=bool)
    bits[: round((shape.accuracy or default_accuracy)(pair, named, seed) * shape.samples)] = True
    return np.random.default_rng(seed).permutation(bits)


def _trial(shape: Shape, key: str, pair: int, role: str, named: str, seed: int, budget: float = 1.0) -> TrialRecord:
    validation = min(1.0, (shape.validation or shape.accuracy or default_accuracy)(pair, named, seed))
    big = role == "teacher"
    return TrialRecord(
        key=key,
        trial=TRIALS[key],
        curve=tuple(
            CurvePoint(
                epoch=epoch,
                samples=epoch * 5000,
                train_loss=None if epoch == 0 else 2.3 * 0.6**epoch,
                validation_loss=2.3 * 0.7**epoch,
                validation_top1=0.1 + (validation - 0.1) * (1 - 0.25**epoch) / (1 - 0.25**shape.epochs),
                readings=shape.readings(named, seed, epoch) if shape.readings else {},
            )
            for epoch in range(shape.epochs + 1)
        ),
        selected_epoch=shape.epochs,
        stopped="epochs",
        training=TrainingCost(
            steps=round(40 * shape.epochs * budget),
            samples=round(5000 * shape.epochs * budget),
            wall_seconds=12.0,
            cpu_seconds=11.5,
            step_seconds=((2.0 if big else 0.8) + 0.01 * seed) * budget,
            evaluation_seconds=0.1 * budget,
            data_seconds=0.2 * budget,
            **_teacher_cost(shape, named),
            cohort=1 if big else len(shape.losses),
            peak_memory_bytes=400 * 2**20,
            device="cpu",
            threads=1,
            processes=2,
        ),
        weights_sha256=key * 4,
        data_sha256="0" * 64,
        task=TASK,
        machine=MACHINE,
        finished="2025-01-02T03:05:00+00:00",
    )


def _exported(shape: Shape, trial: str, pair: int, role: str, model: str) -> ArtifactRecord:
    scale = (8 if role == "teacher" else 1) * (1 + pair)
    key = artifact_key(trial, Fp32())
    return ArtifactRecord(
        key=key,
        trial=trial,
        variant=Fp32().model_dump(mode="json"),
        label="fp32",
        model=ModelFacts(
            architecture=content_key([model, pair]),
            parameters=12_000 * scale,
            flops=900_000 * scale,
            onnx_bytes=50_000 * scale,
            onnx_sha256=hashlib.sha256(key.encode()).hexdigest(),  # see `store_results`
            weights_sha256=trial * 4,
            operators={"Conv": 3, "Gemm": 1, "Relu": 3},
            opset=18,
        ),
        parity=ParityFacts(samples=512, max_difference=1e-6, tolerance=1e-4, flips=0),
        drift=None,
        machine=MACHINE,
        finished="2025-01-02T03:05:10+00:00",
    )


def _evaluations(
    suite: Suite, exported: ArtifactRecord, correct: NDArray[np.bool_], seed: int, agreement: Agreement | None
) -> list[EvaluationRecord]:
    """Clean, and under each condition in turn the share 0.96, 0.93, 0.90 ... of what was right stays right."""
    clean = _evaluation(suite, exported, correct, agreement=agreement)
    found = [clean.model_copy(update={"cpu_seconds": exported.model.flops / 1_800_000})]
    for place, condition in enumerate(suite.conditions):
        kept = np.random.default_rng([place, seed]).random(len(correct)) < 0.96 - 0.03 * place
        found.append(_evaluation(suite, exported, correct & kept, condition, loss=0.5))
    return found


def _evaluation(
    suite: Suite,
    artifact: ArtifactRecord,
    correct: NDArray[np.bool_],
    condition: NamedChoice | None = None,
    *,
    agreement: Agreement | None = None,
    loss: float = 0.3,
) -> EvaluationRecord:
    """The first metric is half the top-1, the second a third of it ..."""
    return EvaluationRecord(
        key=evaluation_key(artifact.key, condition, suite.metrics),
        trial=artifact.trial,
        artifact=artifact.key,
        data="test",
        condition=unnamed(condition) if condition else None,
        head=None,
        predictions=Predictions(**predictions(correct, loss)),
        cpu_seconds=None,
        agreement=agreement,
        scores={score_name(metric): float(correct.mean()) / (place + 2) for place, metric in enumerate(suite.metrics)},
        missing={},
        finished="2025-01-02T03:05:30+00:00",
    )


def source_of(row: str) -> Literal["none", "live", "cached"]:
    """Where a made-up row has its teacher from: feature losses, one of which is `fitnet`, must ask it live."""
    loss = row.partition(",")[0]
    if loss in ("teacher", "cross_entropy", "label_smoothing"):
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


def _variant(
    exported: ArtifactRecord, variant: Variant, correct: NDArray[np.bool_], seed: int
) -> tuple[ArtifactRecord, NDArray[np.bool_]]:
    """Half the bytes in half precision and a quarter in 8 bits; every hundredth of the right answers is lost."""
    share = 0.5 if variant.use == "fp16" else 0.25
    kept = np.random.default_rng([7, seed]).random(len(correct)) > 0.01
    facts, key = exported.model, artifact_key(exported.trial, variant)
    artifact = ArtifactRecord(
        key=key,
        trial=exported.trial,
        variant=variant.model_dump(mode="json"),
        label=variant.label,
        model=facts.model_copy(
            update={
                "architecture": content_key([facts.architecture, variant.use]),
                "onnx_bytes": round(share * facts.onnx_bytes),
                "onnx_sha256": hashlib.sha256(key.encode()).hexdigest(),
                "operators": {**facts.operators, "QuantizeLinear": 4},
            }
        ),
        parity=None,
        drift=DriftFacts(largest=0.05, flips=int((correct & ~kept).sum()), samples=len(correct)),
        machine=MACHINE,
        finished="2025-01-02T03:05:40+00:00",
    )
    return artifact, correct & kept


def _timed(artifacts: Sequence[ArtifactRecord]) -> dict[str, ArtifactRecord]:
    """One artifact of each architecture, the one with the fewest FLOPs first: the reference. Variants come last."""
    found: dict[str, ArtifactRecord] = {}
    for artifact in sorted(artifacts, key=lambda artifact: artifact.model.flops):
        if artifact.label == "fp32":
            found.setdefault(artifact.model.architecture, artifact)
    for artifact in artifacts:
        found.setdefault(artifact.model.architecture, artifact)
    return found


def _p50(shape: Shape, artifact: ArtifactRecord, batch: int = 1) -> float:
    """Microseconds: a variant takes 0.7 of the exported model's time, a batch of n takes (n + 3) / 4 of one's."""
    flops = artifact.model.flops
    one = 8.0 + flops / 30_000_000 if shape.close else 40.0 * flops / 900_000
    return one * (1.0 if artifact.label == "fp32" else 0.7) * (batch + 3) / 4


def _names(artifact: ArtifactRecord, reference: ArtifactRecord) -> dict[str, str]:
    return {
        "trial": artifact.trial,
        "architecture": artifact.model.architecture,
        "reference": reference.model.architecture,
        "onnx_sha256": artifact.model.onnx_sha256,
        "reference_sha256": reference.model.onnx_sha256,
    }


def _latencies(shape: Shape, timed: Mapping[str, ArtifactRecord]) -> list[LatencyRecord]:
    """Every architecture against the first, the first against itself."""
    return [
        _latency(shape, place, record, reference, batch)
        for batch in shape.batch_sizes
        for reference in list(timed.values())[:1]
        for place, record in enumerate(timed.values())
    ]


def _latency(shape: Shape, place: int, record: ArtifactRecord, reference: ArtifactRecord, batch: int) -> LatencyRecord:
    p50, base = _p50(shape, record, batch), _p50(shape, reference, batch)
    random = np.random.default_rng(record.model.flops)
    energy = Energy(reason=NO_COUNTER)
    if shape.joules is not None:
        energy = Energy(joules=shape.joules * 1e6 + 100, idle_watts=10.0, seconds=10.0, units=10**6, source="RAPL")
    return latency_record(
        **_names(record, reference),
        how=HOW.model_copy(update={"batch": batch}),
        sessions=slice_sessions(p50 / base, noise=shape.noise, seed=place + batch, reference=base),
        calls=shape.calls,
        call_microseconds=tuple((p50 * np.exp(random.gamma(0.5, 0.05, shape.calls))).tolist()),
        energy=energy,
    )


def _ties(shape: Shape, entries: Sequence[Entry], artifacts: Sequence[ArtifactRecord]) -> list[LatencyRecord]:
    """The first student of each further loss against that of the first loss."""
    exported = {artifact.trial: artifact for artifact in artifacts if artifact.label == "fp32"}
    firsts: dict[tuple[str, str], ArtifactRecord] = {}
    for entry in entries:
        if entry.role == "student" and entry.key in exported:
            firsts.setdefault((entry.pair, entry.loss), exported[entry.key])
    found = []
    for place, ((pair, _), record) in enumerate(firsts.items()):
        first = next(other for (p, _), other in firsts.items() if p == pair)
        if record is not first:
            sessions = slice_sessions(1.0, noise=shape.noise, seed=100 + place)
            found.append(latency_record(**_names(record, first), sessions=sessions, cold=()))
    return found


def _throughputs(shape: Shape, timed: Mapping[str, ArtifactRecord]) -> list[ThroughputRecord]:
    found = []
    for place, record in enumerate(timed.values()):
        reference = next(iter(timed.values()))
        batches = []
        for batch in (1, 2, 4, 8):
            base, p50 = _p50(shape, reference, batch), _p50(shape, record, batch)
            sessions = slice_sessions(p50 / base, pairs=2, noise=shape.noise, seed=place + batch, reference=base)
            batches.append(BatchTimed(batch=batch, sessions=sessions))
        names = _names(record, reference)
        found.append(
            ThroughputRecord(
                architecture=names["architecture"],
                reference=names["reference"],
                how=HOW,
                batches=tuple(batches),
                ended="the largest batch asked for, 8",
                machine=MACHINE,
                finished="2025-01-02T03:07:00+00:00",
            )
        )
    return found
