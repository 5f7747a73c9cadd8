"""A part of a report: a heading, what it shows in a sentence, plots and tables."""

from dataclasses import dataclass

from kdbench.report.writing.drawing import Image
from kdbench.report.writing.tables import Table


@dataclass(frozen=True)
class Section:
    """Rendered in both forms; one without plots and rows is left out. The title of a plot is its caption."""

    name: str
    title: str
    intro: str
    images: tuple[Image, ...] = ()
    tables: tuple[Table, ...] = ()

    @property
    def filled(self) -> "Section | None":
        """The section with those tables that have rows; None where nothing is left."""
        tables = tuple(table for table in self.tables if table.rows)
        return Section(self.name, self.title, self.intro, self.images, tables) if self.images or tables else None
