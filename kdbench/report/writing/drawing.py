"""SVG by matplotlib: text stays text, equal input gives equal bytes, and colours follow the page's theme."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from io import StringIO
from typing import Any

import matplotlib
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG  # directly: pyplot would look for a display
from matplotlib.figure import Figure

from kdbench.report.writing.svg import Mark, printable, slim

# Sentinel colours: matplotlib writes them, and `_paint` replaces them by the theme's.
SENTINELS = {
    "#0a0b01": "ink",
    "#0a0b02": "muted",
    "#0a0b03": "grid",
    "#0a0b04": "band",
    "#0a0b05": "paper",
    **{f"#0a0c0{i}": f"s{i}" for i in range(8)},
    **{f"#0a0d0{i}": f"q{i}" for i in range(8)},  # of series in the background: in colour once they are chosen
}
INK, MUTED, GRID, BAND, PAPER = list(SENTINELS)[:5]
SERIES = tuple(name for name, role in SENTINELS.items() if role.startswith("s"))
QUIET = tuple(name for name, role in SENTINELS.items() if role.startswith("q"))
MARKERS = ("o", "^", "D", "v", "P", "X", "p")  # seven against eight colours: 56 pairs before one repeats
DASHES = ((), (5, 2), (1.5, 1.5), (6, 2, 1.5, 2), (9, 2))

# Okabe and Ito's colours, darkened to 3:1 on white and lightened to 3:1 on near-black.
LIGHT = {
    "ink": "#1d2530", "muted": "#5b6675", "grid": "#e3e7ec", "band": "#e9edf2", "paper": "#ffffff",
    "s0": "#0068ad", "s1": "#c94f00", "s2": "#007a5a", "s3": "#a8518a",
    "s4": "#9a6a00", "s5": "#2a8fc9", "s6": "#5b3fa0", "s7": "#8a4b3c",
}  # fmt: skip
DARK = {
    "ink": "#e8ecf1", "muted": "#a3adba", "grid": "#2c3440", "band": "#262e39", "paper": "#161b22",
    "s0": "#5aa9f0", "s1": "#ff8f52", "s2": "#35c79c", "s3": "#e596c8",
    "s4": "#ecbb3c", "s5": "#a5dcf7", "s6": "#b7a3f2", "s7": "#d8a18f",
}  # fmt: skip

FONT = "system-ui, -apple-system, 'Segoe UI', 'Noto Sans', sans-serif"
SETTINGS: dict[Any, Any] = {
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "svg.fonttype": "none",
    "svg.image_inline": True,
    "font.family": "sans-serif",
    "font.size": 10.5,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "lines.solid_capstyle": "round",
}


@dataclass
class Drawing:
    """A figure with a name, a title for screen readers, and what its marks say. Sizes in points."""

    name: str
    title: str
    width: float
    height: float
    figure: Figure
    marks: list[Mark] = field(default_factory=list)

    def axes(self, left: float, right: float, bottom: float, top: float) -> Axes:
        """Axes with these margins in points: fixed, because layout engines draw everything twice."""
        box = (left / self.width, bottom / self.height)
        size = ((self.width - left - right) / self.width, (self.height - bottom - top) / self.height)
        axes = self.figure.add_axes((*box, *size), facecolor="none")
        axes.tick_params(length=3, labelcolor=INK)
        axes.set_axisbelow(True)
        return axes

    def tip(self, artist: Artist, text: str) -> None:
        """The tooltip of an artist that belongs to no series."""
        self.tag(artist, Mark(text))

    def tag(self, artist: Artist, mark: Mark) -> None:
        """What this artist says, and the series that it belongs to."""
        artist.set_gid(f"mark-{len(self.marks)}")
        self.marks.append(mark)


@dataclass(frozen=True)
class Image:
    """A drawn plot: for a page (colours are its CSS variables) and as a file (on a white card).

    `help` says in plain English how to read it. In `inline` all that belongs to a series is in groups of the class
    `series`, with its name as `data-series`; those in the background have the class `quiet`, too.
    """

    name: str
    title: str
    inline: str
    file: str
    help: str = ""


def draw(name: str, title: str, width: float, height: float, paint: Callable[[Drawing], None], help: str = "") -> Image:
    """Run `paint` on an empty drawing and return it as SVG; `help` says how to read it."""
    with matplotlib.rc_context({**SETTINGS, "svg.hashsalt": name}):
        drawing = Drawing(name, title, width, height, Figure(figsize=(width / 72, height / 72)))
        FigureCanvasSVG(drawing.figure)
        drawing.figure.patch.set_visible(False)
        paint(drawing)
        buffer = StringIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        drawing.figure.savefig(buffer, format="svg", metadata=nothing)
    body = slim(buffer.getvalue(), name, drawing.marks)
    return Image(name, title, _inline(body, drawing), _file(body, drawing), help)


def _inline(body: str, drawing: Drawing) -> str:
    size = f'viewBox="0 0 {drawing.width:g} {drawing.height:g}"'
    title = escape(printable(drawing.title))
    theme = {role: f"var(--{role.replace('q', 's')})" for role in SENTINELS.values()}
    return f'<svg class="plot" role="img" aria-label="{title}" {size}><title>{title}</title>{_paint(body, theme)}</svg>'


def _file(body: str, drawing: Drawing) -> str:
    size = f'width="{drawing.width * 1.2:g}" height="{drawing.height * 1.2:g}"'
    box = f'viewBox="0 0 {drawing.width:g} {drawing.height:g}"'
    style = f'font-family="{FONT}" stroke-linejoin="round"'
    # An opaque card: readable whatever colour the host puts behind it.
    shape = f'x="0.5" y="0.5" width="{drawing.width - 1:g}" height="{drawing.height - 1:g}" rx="6"'
    card = f'<rect {shape} fill="{LIGHT["paper"]}" stroke="{LIGHT["grid"]}"/>'
    label = f"<title>{escape(printable(drawing.title))}</title>"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" role="img" {size} {box} {style}>'
    grey = {role: LIGHT["muted"] for role in SENTINELS.values() if role.startswith("q")}
    return f"{head}{label}{card}{_paint(body, LIGHT | grey)}</svg>\n"


def _paint(body: str, theme: dict[str, str]) -> str:
    return re.sub("|".join(SENTINELS), lambda found: theme[SENTINELS[found[0]]], body)
