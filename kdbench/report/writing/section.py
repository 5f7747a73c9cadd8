"""A section of a report: a heading, an introduction, plots, tables, and the terms that they use."""

from dataclasses import dataclass, replace

from kdbench.report.writing.drawing import Image
from kdbench.report.writing.tables import Table

Terms = tuple[tuple[str, str], ...]  # each with its meaning


@dataclass(frozen=True)
class Section:
    """Rendered in both forms; left out where it has neither plots nor rows. The title of a plot is its caption.

    A page explains the terms of all its sections in one place.
    """

    name: str
    title: str
    intro: str
    images: tuple[Image, ...] = ()
    tables: tuple[Table, ...] = ()
    terms: Terms = ()

    @property
    def filled(self) -> "Section | None":
        """The section without empty tables; None where nothing remains."""
        tables = tuple(table for table in self.tables if table.rows)
        return replace(self, tables=tables) if self.images or tables else None
