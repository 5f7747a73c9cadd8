"""What pages share: the templates, the style, the script, and a policy that lets a page load nothing else."""

import base64
import hashlib
import json
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from pydantic import JsonValue

from kdbench.report.writing import formats as f
from kdbench.report.writing.drawing import DARK, LIGHT
from kdbench.report.writing.markdown import markdown_code, markdown_table, markdown_text

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Shell:
    """The style and the script of a page, and the Content-Security-Policy that allows these two by their hashes."""

    style: Markup
    script: Markup
    policy: str


@cache
def shell() -> Shell:
    """The same for every page."""
    style = _style()
    script = "".join((TEMPLATES / name).read_text("utf-8") for name in ("page.js", "tables.js"))
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    return Shell(Markup(style), Markup(script), policy)


def _style() -> str:
    """The style sheet after its colours: those of the system, until the reader chooses."""
    light, dark = (
        f"color-scheme: {name}; " + " ".join(f"--{role}: {color};" for role, color in colors.items())
        for name, colors in (("light", LIGHT), ("dark", DARK))
    )
    return (
        f":root {{ {light} }}\n"
        f'@media screen and (prefers-color-scheme: dark) {{ :root:not([data-theme="light"]) {{ {dark} }} }}\n'
        f'@media screen {{ :root[data-theme="dark"] {{ {dark} }} }}\n'
    ) + (TEMPLATES / "report.css").read_text("utf-8")


def _hash(text: str) -> str:
    """As a policy names an inline element by its content."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def island(data: JsonValue) -> Markup:
    """JSON for an inline data element: no name in it can end the element."""
    return Markup(json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c"))


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
        island=island,
        md=markdown_text,
        md_code=markdown_code,
        md_table=markdown_table,
        svg=Markup,
        several=f.several,
    )
    return found
