"""The report of a run as one HTML page that needs nothing else, and as Markdown with SVG files beside it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import JsonValue

from kdbench.analyze import Recommendation, Summary, recommend
from kdbench.report.answer import Tile, choices, tiles
from kdbench.report.in_short import in_short
from kdbench.report.protocol import Facts, commands, machine, protocol, resolved_suite
from kdbench.report.ranking import ranking_table, ranking_terms, trouble_table
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
from kdbench.report.shell import shell, templates
from kdbench.report.trials import Panel, panels, seeds_table, trial_links
from kdbench.report.writing import formats as f
from kdbench.report.writing.drawing import Image
from kdbench.report.writing.fitting import MARKDOWN_BYTES, first_rows, fit, shortened
from kdbench.report.writing.section import Section, Terms
from kdbench.report.writing.tables import Name, Table
from kdbench.results.store import write_whole

# After the ranking of losses and the trade-off, in the order of what a reader needs.
SECTIONS: tuple[Callable[[Summary], Section], ...] = (
    gains_section,
    across_section,
    tuning_section,
    sweeps_section,
    ways_section,
    scarce_section,
    hints_section,
    against_kd_section,
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
MOST_TROUBLE = 20  # rows


@dataclass(frozen=True)
class Content:
    """The content of both forms of a report, in order."""

    summary: Summary
    recommendation: Recommendation
    tiles: tuple[Tile, ...]
    ranking: Table
    trouble: Table | None
    trade_off: Section | None
    sections: tuple[Section, ...]
    terms: Terms
    seeds: Table
    panels: tuple[Panel, ...]
    protocol: Facts
    machine: Facts
    commands: tuple[str, ...]
    suite_json: str
    origin: str

    @property
    def images(self) -> tuple[Image, ...]:
        return tuple(image for section in self.whole for image in section.images)

    @property
    def whole(self) -> tuple[Section, ...]:
        """All sections, the one that stands open first."""
        return ((self.trade_off,) if self.trade_off else ()) + self.sections

    @property
    def names(self) -> tuple[str, ...]:
        """The rows of students by name, of all pairs."""
        return tuple(dict.fromkeys(row.row for row in self.summary.students))


def render_report(summary: Summary, folder: Path) -> tuple[Path, Path]:
    """Write `index.html`, `report.md` and its SVG files into a folder, each whole; returns the first two."""
    content = _compose(summary)
    html, markdown = folder / "index.html", folder / "report.md"
    for image in content.images:
        write_whole(folder / f"{image.name}.svg", image.file)
    links = trial_links(summary)
    page = templates(html=True).get_template("report.html.j2")
    write_whole(
        html,
        page.render(
            c=content,
            shell=shell(),
            links=links,
            numbers={name: number for number, name in enumerate(links)},
            data=_data(summary, links),
        ),
    )
    write_whole(markdown, _markdown(content))
    write_whole(folder / "summary.md", in_short(summary, content.recommendation, content.ranking))
    return html, markdown


def _markdown(content: Content) -> str:
    """The report with the plots and tables that find room."""
    template = templates(html=False).get_template("report.md.j2")
    trouble = first_rows(content.trouble, MOST_TROUBLE) if content.trouble else None
    ranking = shortened(content.ranking, MARKDOWN_BYTES // 3)
    frame = len(template.render(c=content, ranking=ranking, trouble=trouble, parts=()).encode())
    parts = fit(content.whole, MARKDOWN_BYTES - frame)
    return template.render(c=content, ranking=ranking, trouble=trouble, parts=parts)


def _data(summary: Summary, links: Mapping[Name, str]) -> JsonValue:
    """What the script of a page reads: the rows of the suite by number, and the candidates within budgets."""
    return {
        "suite": summary.suite.name,
        "rows": [[pair, "teacher" if role == "teacher" else row] for pair, role, row in links],
        "candidates": choices(summary, links),
    }


def _compose(summary: Summary) -> Content:
    recommendation = recommend(summary)
    trade_off = accuracy_section(summary).filled
    sections = tuple(section for make in SECTIONS if (section := make(summary).filled))
    return Content(
        summary=summary,
        recommendation=recommendation,
        tiles=tiles(summary, recommendation),
        ranking=ranking_table(summary, recommendation),
        trouble=trouble_table(summary),
        trade_off=trade_off,
        sections=sections,
        terms=_terms(summary, [section for section in (trade_off, *sections) if section]),
        seeds=seeds_table(summary),
        panels=panels(summary),
        protocol=protocol(summary),
        machine=machine(summary),
        commands=commands(summary),
        suite_json=resolved_suite(summary),
        origin=_origin(summary),
    )


def _terms(summary: Summary, sections: Sequence[Section]) -> Terms:
    """Those of the ranking and of all sections, each once."""
    return tuple(dict([*ranking_terms(summary), *(term for section in sections for term in section.terms)]).items())


def _origin(summary: Summary) -> str:
    """When the run was, and where its trials come from; one in several rows counts once."""
    ended = ((summary.trained, "trained in it"), (summary.reused, "there before"))
    missing = summary.trials - summary.trained - summary.reused
    counts = [f"{number:,} {what}" for number, what in (*ended, (missing, "without a result")) if number]
    began = datetime.fromisoformat(summary.started).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    return (
        f"Run {summary.run_id} began {began} UTC and took {f.seconds(summary.seconds)}. "
        f"{f.several(summary.trials, 'trial')}: {', '.join(counts)}."
    )
