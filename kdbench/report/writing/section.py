"""A section of a report: a heading, an introduction, plots and tables."""

from dataclasses import dataclass

from kdbench.report.writing.drawing import Image
from kdbench.report.writing.tables import Table


@dataclass(frozen=True)
class Section:
    """Rendered in both forms; left out where it has neither plots nor rows. The title of a plot is its caption."""

    name: str
    title: str
    intro: str
    images: tuple[Image, ...] = ()
    tables: tuple[Table, ...] = ()

    @property
    def filled(self) -> "Section | None":
        """The section without empty tables; None where nothing remains."""
        tables = tuple(table for table in self.tables if table.rows)
        return Section(self.name, self.title, self.intro, self.images, tables) if self.images or tables else None
