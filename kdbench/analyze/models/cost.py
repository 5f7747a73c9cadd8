"""The cost of training: means over the seeds of one row."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kdbench.results import TrainingCost, TrialResult


@dataclass(frozen=True)
class TrainingFigures:
    """The cost of training one model, averaged over seeds. Figures that the cohort shares are marked."""

    step_milliseconds: float  # own forward, loss, backward and update
    samples_per_second: float | None  # through own steps alone
    step_seconds: float  # all steps
    evaluation_seconds: float  # own, on validation
    data_seconds: float  # making batches, shared by the cohort
    teacher: str  # 'none', 'live' or 'cached'; 'cached, live' where seeds differ
    teacher_milliseconds: float  # a step, spent on the teacher in this run, shared by the models of one source
    teacher_milliseconds_alone: float  # a step, of a live teacher
    teacher_shared_by: int
    alone_seconds: float  # trained alone without a cache, with all trainings that it goes on from
    shared_seconds: float  # in this run, with its share of what the cohort shared; likewise
    cohort_cpu_seconds: float  # process CPU time, shared by the cohort
    cohort: int  # models trained in the same pass
    peak_memory_bytes: int
    joules: float | None  # net of the power at rest, of the cohort divided by its models
    no_joules: str | None  # why there are none
    device: str
    layouts: tuple[tuple[int, int], ...]  # processes at the same time, and threads of each; several where seeds differ


def training_figures(records: Sequence[TrialResult]) -> TrainingFigures:
    """Training cost of one model, averaged over seeds; the largest memory peak and cohort."""
    costs = [record.training for record in records]
    steps = sum(cost.steps for cost in costs)
    seconds = sum(cost.step_seconds for cost in costs)

    def mean(part: Callable[[TrainingCost], float]) -> float:
        return sum(map(part, costs)) / len(costs)

    def per_step(part: Callable[[TrainingCost], float]) -> float:
        return 1e3 * sum(map(part, costs)) / steps if steps else 0.0

    return TrainingFigures(
        step_milliseconds=per_step(lambda cost: cost.step_seconds),
        samples_per_second=sum(cost.samples for cost in costs) / seconds if seconds > 0 else None,
        step_seconds=seconds / len(costs),
        evaluation_seconds=mean(lambda cost: cost.evaluation_seconds),
        data_seconds=mean(lambda cost: cost.data_seconds),
        teacher=", ".join(sorted({cost.teacher for cost in costs})),
        teacher_milliseconds=per_step(lambda cost: cost.teacher_seconds),
        teacher_milliseconds_alone=per_step(lambda cost: cost.teacher_seconds_alone),
        teacher_shared_by=max(cost.teacher_shared_by for cost in costs),
        alone_seconds=sum(record.alone_seconds for record in records) / len(records),
        shared_seconds=sum(record.shared_seconds for record in records) / len(records),
        cohort_cpu_seconds=mean(lambda cost: cost.cpu_seconds),
        cohort=max(cost.cohort for cost in costs),
        peak_memory_bytes=max(cost.peak_memory_bytes for cost in costs),
        joules=mean(_joules_of_training) if all(cost.energy.net_joules is not None for cost in costs) else None,
        no_joules=next((cost.energy.reason for cost in costs if cost.energy.net_joules is None), None),
        device=", ".join(sorted({cost.device for cost in costs})),
        layouts=tuple(sorted({(cost.processes, cost.threads) for cost in costs})),
    )


def _joules_of_training(cost: TrainingCost) -> float:
    return (cost.energy.net_joules or 0.0) / cost.cohort


def ranks(costs: Sequence[float]) -> list[int]:
    """The rank of each cost, in the order given: 1 is the lowest, and equal costs share a rank."""
    return [1 + sum(other < cost for other in costs) for cost in costs]
