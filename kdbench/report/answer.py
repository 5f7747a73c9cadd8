"""The answer of a report: the chosen student in four figures, and the candidates among which budgets choose."""

from collections.abc import Mapping

from pydantic import JsonValue

from kdbench.analyze import Recommendation, Summary, candidates
from kdbench.analyze.models.rows import StudentRow
from kdbench.analyze.models.variants import VariantRow
from kdbench.report.writing import formats as f
from kdbench.report.writing.tables import Name

Tile = tuple[str, str, str]  # label, figure, remark


def tiles(summary: Summary, recommendation: Recommendation) -> tuple[Tile, ...]:
    """Accuracy, its share of the teacher's, latency and size of what is recommended."""
    row, variant = recommendation.student, recommendation.variant
    if row is None:
        return ()
    deployed = variant or row
    interval = f.percent_interval(deployed.top1.interval)
    of_one = f"; of one network trained likewise {f.percent_interval(row.prediction)}" if row.prediction else ""
    smaller = f"{f.times(row.compression_parameters)} fewer parameters" if row.compression_parameters else ""
    return (
        (
            "Test top-1",
            f.percent(deployed.top1.mean),
            f"95 % interval {interval}{'' if variant else of_one}" if interval else "no interval",
        ),
        _kept(summary, row, variant),
        _cost(summary, row, deployed.architecture),
        ("ONNX file", f.byte_size(deployed.onnx_bytes), smaller),
    )


def _kept(summary: Summary, row: StudentRow, variant: VariantRow | None) -> Tile:
    """What is kept of the teacher's accuracy; of a variant, of the exported file's."""
    if variant:
        return "Of the exported file's accuracy", f.percent(variant.kept), f"as {variant.variant}"
    share = "weak teacher" if row.weak_teacher else f.percent(row.retention)
    teacher = next(pair.teacher for pair in summary.pairs if pair.pair == row.pair)
    told = f"{teacher.model}, which gets {f.percent(teacher.top1.mean)}" if teacher else "unknown"
    return "Of its teacher's accuracy", share, f"teacher {told}"


def _cost(summary: Summary, row: StudentRow, architecture: str) -> Tile:
    timing = summary.reference
    if timing is None or architecture not in timing.p50:
        return "FLOPs per sample", f.count(row.flops), "latency was not measured"
    teacher = next(pair.teacher for pair in summary.pairs if pair.pair == row.pair)
    speedup = timing.speedup(teacher.architecture, architecture) if teacher else None
    than = f"{f.ratio_interval(speedup)} its teacher's speed" if speedup else ""
    return "Latency, p50", f.microseconds(timing.p50[architecture]), than


def choices(summary: Summary, links: Mapping[Name, str]) -> list[JsonValue]:
    """The candidates as the page's script chooses among them, by the rule of `choose`."""
    return [
        {
            "name": each.name,
            "headline": each.answer.headline,
            "trial": links[each.row.name],
            "top1": each.top1,
            "validation": each.validation,
            "microseconds": each.microseconds,
            "cost": each.cost,
            "bytes": each.bytes,
            "parameters": each.parameters,
            "worse_than": list(each.worse_than),
        }
        for each in candidates(summary, summary.reference)
    ]
