"""The report of a run as one HTML page that needs nothing else, and as Markdown with SVG files beside it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from kdbench.analyze import Recommendation, Summary, recommend
from kdbench.report.protocol import Facts, commands, machine, protocol, resolved_suite
from kdbench.report.sections.accuracy import accuracy_section
from kdbench.report.sections.against_kd import against_kd_section
from kdbench.report.sections.calibration import calibration_section
from kdbench.report.sections.comparisons.across import across_section
from kdbench.report.sections.comparisons.sweeps import sweeps_section
from kdbench.report.sections.comparisons.tuning import tuning_section
from kdbench.report.sections.comparisons.ways import ways_section
from kdbench.report.sections.conditions import conditions_section
from kdbench.report.sections.cost import cost_section
from kdbench.report.sections.deployment import deployment_section
from kdbench.report.sections.efficiency import efficiency_section
from kdbench.report.sections.gains import gains_section
from kdbench.report.sections.learning import learning_section
from kdbench.report.sections.metrics import metrics_section
from kdbench.report.sections.noise import noise_section
from kdbench.report.sections.published import published_section
from kdbench.report.sections.stability import stability_section
from kdbench.report.sections.teaching.assistants import assistants_section
from kdbench.report.sections.teaching.attacks import attacks_section
from kdbench.report.sections.teaching.ensembles import ensembles_section
from kdbench.report.sections.teaching.federated import federated_section
from kdbench.report.sections.teaching.generations import generations_section
from kdbench.report.sections.teaching.hints import hints_section
from kdbench.report.sections.teaching.readings import readings_section
from kdbench.report.sections.teaching.scarce import scarce_section
from kdbench.report.sections.teaching.severities import severities_section
from kdbench.report.sections.teaching.steps import steps_section
from kdbench.report.sections.teaching.streams import streams_section
from kdbench.report.sections.teaching.tasks import tasks_section
from kdbench.report.sections.teaching.together import together_section
from kdbench.report.sections.throughput import throughput_section
from kdbench.report.sections.variants import variants_section
from kdbench.report.writing import formats as f
from kdbench.report.writing.drawing import DARK, LIGHT, Image
from kdbench.report.writing.markdown import markdown_cell, markdown_table, markdown_text
from kdbench.report.writing.section import Section
from kdbench.report.writing.tables import Table, comparison_table, seeds_table, trouble_table
from kdbench.results.store import write_whole

# After the comparison of losses, in the order of what a reader needs.
SECTIONS: tuple[Callable[[Summary], Section], ...] = (
    gains_section,
    across_section,
    tuning_section,
    sweeps_section,
    ways_section,
    scarce_section,
    hints_section,
    against_kd_section,
    accuracy_section,
    published_section,
    efficiency_section,
    cost_section,
    stability_section,
    severities_section,
    conditions_section,
    attacks_section,
    streams_section,
    tasks_section,
    calibration_section,
    metrics_section,
    learning_section,
    together_section,
    readings_section,
    ensembles_section,
    assistants_section,
    generations_section,
    federated_section,
    steps_section,
    variants_section,
    throughput_section,
    deployment_section,
    noise_section,
)
TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Content:
    """The content of both forms of a report, in order."""

    summary: Summary
    recommendation: Recommendation
    tiles: tuple[tuple[str, str, str], ...]  # label, figure, remark
    comparison: Table
    trouble: Table | None
    sections: tuple[Section, ...]
    seeds: Table
    protocol: Facts
    machine: Facts
    commands: tuple[str, ...]
    suite_json: str
    origin: str

    @property
    def images(self) -> tuple[Image, ...]:
        return tuple(image for section in self.sections for image in section.images)


def render_report(summary: Summary, folder: Path) -> tuple[Path, Path]:
    """Write `index.html`, `report.md` and its SVG files into a folder, each whole; returns the first two."""
    content = _compose(summary)
    html, markdown = folder / "index.html", folder / "report.md"
    for image in content.images:
        write_whole(folder / f"{image.name}.svg", image.file)
    write_whole(html, templates(html=True).get_template("report.html.j2").render(c=content, light=LIGHT, dark=DARK))
    write_whole(markdown, templates(html=False).get_template("report.md.j2").render(c=content))
    return html, markdown


def _compose(summary: Summary) -> Content:
    recommendation = recommend(summary)
    return Content(
        summary=summary,
        recommendation=recommendation,
        tiles=_tiles(recommendation),
        comparison=comparison_table(summary, recommendation),
        trouble=trouble_table(summary),
        sections=tuple(section for make in SECTIONS if (section := make(summary).filled)),
        seeds=seeds_table(summary),
        protocol=protocol(summary),
        machine=machine(summary),
        commands=commands(summary),
        suite_json=resolved_suite(summary),
        origin=_origin(summary),
    )


def _tiles(recommendation: Recommendation) -> tuple[tuple[str, str, str], ...]:
    """The recommended student in four figures."""
    row = recommendation.student
    if row is None:
        return ()
    interval = f.percent_interval(row.top1.interval)
    network = f"; of one network trained likewise {f.percent_interval(row.prediction)}" if row.prediction else ""
    cost = ("FLOPs per sample", f.count(row.flops), "latency was not measured")
    if row.p50_microseconds is not None:
        than = f"{f.ratio_interval(row.speedup)} its teacher's speed" if row.speedup else ""
        cost = ("Latency, p50", f.microseconds(row.p50_microseconds), than)
    smaller = f"{f.times(row.compression_parameters)} fewer parameters" if row.compression_parameters else ""
    return (
        ("Test top-1", f.percent(row.top1.mean), f"95 % interval {interval}{network}" if interval else "no interval"),
        (
            "Of its teacher's accuracy",
            "weak teacher" if row.weak_teacher else f.percent(row.retention),
            f"teacher {recommendation.teacher or 'unknown'}",
        ),
        cost,
        ("ONNX file", f.byte_size(row.onnx_bytes), smaller),
    )


def _origin(summary: Summary) -> str:
    """When the run was, and how many models are of earlier runs; a model in several rows counts once."""
    reused = summary.reused
    began = datetime.fromisoformat(summary.started).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    return (
        f"Run {summary.run_id} began {began} UTC and took {f.seconds(summary.seconds)}; "
        f"{f.several(summary.trained, 'model')} trained in it"
        + (f", {reused:,} more {'comes' if reused == 1 else 'come'} from records already there." if reused > 0 else ".")
    )


@lru_cache(maxsize=2)
def templates(*, html: bool) -> Environment:
    """The templates of pages, or those of Markdown."""
    found = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=html,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    found.filters.update(
        md=markdown_text, md_cell=markdown_cell, md_table=markdown_table, svg=Markup, several=f.several
    )
    return found
