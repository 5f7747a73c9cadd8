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

# Sentinel colours: matplotlib writes them, and `_paint` replaces them by the theme's.
SENTINELS = {
    "#0a0b01": "ink",
    "#0a0b02": "muted",
    "#0a0b03": "grid",
    "#0a0b04": "band",
    "#0a0b05": "paper",
    **{f"#0a0c0{i}": f"s{i}" for i in range(8)},
}
INK, MUTED, GRID, BAND, PAPER = (name for name, role in SENTINELS.items() if not role.startswith("s"))
SERIES = tuple(name for name, role in SENTINELS.items() if role.startswith("s"))
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

COORDINATES = re.compile(r' (?:d|transform|points|x|y|x1|x2|y1|y2|cx|cy|r|width|height|style)="[^"]*"')


@dataclass
class Drawing:
    """A figure with a name, a title for screen readers, and a tooltip per mark. Sizes in points."""

    name: str
    title: str
    width: float
    height: float
    figure: Figure
    tips: list[str] = field(default_factory=list)

    def axes(self, left: float, right: float, bottom: float, top: float) -> Axes:
        """Axes with these margins in points: fixed, because layout engines draw everything twice."""
        box = (left / self.width, bottom / self.height)
        size = ((self.width - left - right) / self.width, (self.height - bottom - top) / self.height)
        axes = self.figure.add_axes((*box, *size), facecolor="none")
        axes.tick_params(length=3, labelcolor=INK)
        axes.set_axisbelow(True)
        return axes

    def tip(self, artist: Artist, text: str) -> None:
        """The tooltip of this mark."""
        artist.set_gid(f"tip-{len(self.tips)}")
        self.tips.append(text)


@dataclass(frozen=True)
class Image:
    """A drawn plot: for a page (colours are its CSS variables) and as a file (on a white card)."""

    name: str
    title: str
    inline: str
    file: str


def draw(name: str, title: str, width: float, height: float, paint: Callable[[Drawing], None]) -> Image:
    """Run `paint` on an empty drawing and return it as SVG."""
    with matplotlib.rc_context({**SETTINGS, "svg.hashsalt": name}):
        drawing = Drawing(name, title, width, height, Figure(figsize=(width / 72, height / 72)))
        FigureCanvasSVG(drawing.figure)
        drawing.figure.patch.set_visible(False)
        paint(drawing)
        buffer = StringIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        drawing.figure.savefig(buffer, format="svg", metadata=nothing)
    body = _body(buffer.getvalue(), drawing)
    return Image(name, title, _inline(body, drawing), _file(body, drawing))


def _body(svg: str, drawing: Drawing) -> str:
    """The content of the root element, with ids that are unique on a page, and tooltips."""
    body = svg[svg.index(">", svg.index("<svg")) + 1 : svg.rindex("</svg>")]
    # A style element in inline SVG would apply to the whole page: the roots below carry it instead.
    body = re.sub(r"<style.*?</style>", "", body, flags=re.DOTALL)
    body = re.sub(r"font-family: [^;\"]*", "font-family: inherit", body)
    body = body.replace("xlink:href", "href")
    for index, tip in enumerate(drawing.tips):
        body = body.replace(f'<g id="tip-{index}">', f"<g><title>{escape(tip)}</title>")
    body = re.sub(r' id="(?!clip|[mp][0-9a-f]{10}|C\d)[^"]*"', "", body)  # names of groups: nothing refers to them
    body = re.sub(r'(id="|href="#|url\(#)', rf"\g<1>{drawing.name}-", body)
    # Six decimals of a point are noise that triples the page; those of a name, in a text or a tip, are the name.
    body = re.sub(r"<[a-z][^<>]*>", lambda tag: COORDINATES.sub(_trim_decimals, tag[0]), body)
    return re.sub(r"\s*\n\s*", "\n", body)


def _trim_decimals(attribute: re.Match[str]) -> str:
    return re.sub(r"(\d+\.\d{2})\d+", r"\1", attribute[0])


def _inline(body: str, drawing: Drawing) -> str:
    painted = _paint(body, {role: f"var(--{role})" for role in SENTINELS.values()})
    size = f'viewBox="0 0 {drawing.width:g} {drawing.height:g}"'
    label = f"<title>{escape(drawing.title)}</title>"
    return f'<svg class="plot" role="img" aria-label="{escape(drawing.title)}" {size}>{label}{painted}</svg>'


def _file(body: str, drawing: Drawing) -> str:
    size = f'width="{drawing.width * 1.2:g}" height="{drawing.height * 1.2:g}"'
    box = f'viewBox="0 0 {drawing.width:g} {drawing.height:g}"'
    style = f'font-family="{FONT}" stroke-linejoin="round"'
    # An opaque card: readable whatever colour the host puts behind it.
    shape = f'x="0.5" y="0.5" width="{drawing.width - 1:g}" height="{drawing.height - 1:g}" rx="6"'
    card = f'<rect {shape} fill="{LIGHT["paper"]}" stroke="{LIGHT["grid"]}"/>'
    label = f"<title>{escape(drawing.title)}</title>"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" role="img" {size} {box} {style}>'
    return f"{head}{label}{card}{_paint(body, LIGHT)}</svg>\n"


def _paint(body: str, theme: dict[str, str]) -> str:
    return re.sub("|".join(SENTINELS), lambda found: theme[SENTINELS[found[0]]], body)
