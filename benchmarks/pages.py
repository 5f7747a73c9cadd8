"""`python -m benchmarks.pages`: write the generated parts of the documents from raw figures; nothing is measured."""

import argparse
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks import methods, suite_page
from benchmarks.engine import page as engine
from benchmarks.fidelity import page as fidelity
from benchmarks.harness import Content, figures_file
from benchmarks.losses import page as losses
from benchmarks.presentation import Tables, fill
from benchmarks.teaching import page as teaching

DOCS, IMAGES = Path("docs"), Path("docs/images")


@dataclass(frozen=True)
class Page:
    """A document: the file of figures that it shows, the command that measures them, and the tables in it."""

    figures: str
    command: str
    tables: Tables

    def read(self, quick: bool = False) -> Content:
        """The figures, or none."""
        path = figures_file(self.figures, quick)
        content: Content = json.loads(path.read_text("utf-8")) if path.is_file() else {"units": {}}
        return content


PAGES: Mapping[str, Page] = {
    "performance": Page("engine", "make bench-engine", engine.TABLES),
    "fidelity": Page("fidelity", "make bench-latency", fidelity.TABLES),
    "losses": Page("losses", "make bench-losses", losses.TABLES),
    "method": Page("methods", "make methods", methods.TABLES),
    "teaching": Page("teaching", "kdbench run", teaching.TABLES),
    "suite": Page("suite", "make docs", suite_page.TABLES),
}


def written(name: str, quick: bool = False) -> str:
    """The text of a document with the figures that are there."""
    page = PAGES[name]
    return fill((DOCS / f"{name}.md").read_text("utf-8"), page.tables, page.read(quick), page.command)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", choices=PAGES, nargs="+", default=list(PAGES))
    parser.add_argument("--quick", action="store_true", help="print pages with the figures of trials; write nothing")
    given = parser.parse_args()
    for name in given.only:
        text = written(name, given.quick)
        if given.quick:
            print(text)
            continue
        (DOCS / f"{name}.md").write_text(text, "utf-8")
        if name == "performance":
            for image in engine.images(PAGES[name].read()):
                (IMAGES / f"{image.name}.svg").write_text(image.file, "utf-8")


if __name__ == "__main__":
    main()
