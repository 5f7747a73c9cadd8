"""What matplotlib writes as SVG, made small: no names, no empty groups, no style attributes, no spare digits.

Style attributes become presentation attributes, which a page may use under a strict Content-Security-Policy.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from xml.etree.ElementTree import Element, fromstring, tostring

SVG = "{http://www.w3.org/2000/svg}"
LINK = "{http://www.w3.org/1999/xlink}href"
# What XML cannot hold, other control characters, and those that turn the direction of the text around them.
UNSEEN = re.compile(r"[^\t\n\r\x20-\x7e\xa0-\u2029\u202f-\u2065\u206a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
DECIMALS = re.compile(r"-?\d+\.\d+")
REFERENCE = re.compile(r"#([^)\"]+)")
WORDS = ("class", "data-series", "id", "href", "clip-path", "fill", "stroke")  # attributes without numbers
# Plain values of SVG, and what the root of a plot says once for all.
USUAL = {"stroke-linejoin", "font-family", "stroke-miterlimit", "stroke-dashoffset"}


@dataclass(frozen=True)
class Mark:
    """What a drawn artist says when the pointer is on it, and the series that it belongs to."""

    tip: str = ""
    series: str = ""
    quiet: bool = False  # in the background until it is chosen

    @property
    def attributes(self) -> dict[str, str]:
        if not self.series:
            return {}
        found = {"class": "series quiet" if self.quiet else "series", "data-series": printable(self.series)}
        return found | ({"opacity": "0.4"} if self.quiet else {})


@dataclass(frozen=True)
class _Plot:
    """What is known of one plot: its marks by id, short names of what is referred to, and what is defined once."""

    marks: Mapping[str, Mark]
    names: Mapping[str, str]
    defined: list[Element] = field(default_factory=list)


def slim(svg: str, prefix: str, marks: Sequence[Mark]) -> str:
    """The content of the root element; ids begin with `prefix`, `mark-N` is the id of mark number N."""
    root = fromstring(printable(svg))
    used = dict.fromkeys(name for each in root.iter() for value in each.attrib.values() for name in _names(value))
    names = {name: f"{prefix}-{place}" for place, name in enumerate(used)}
    plot = _Plot({f"mark-{place}": mark for place, mark in enumerate(marks)}, names)
    content = [each for child in root for each in _slim(child, plot)]
    defined = _element("defs", {}, plot.defined)
    whole = [defined, *content] if len(defined) else content
    return "".join(tostring(each, encoding="unicode") for each in whole).replace(" />", "/>")


def printable(text: str) -> str:
    """The text without characters that nobody sees, some of which XML cannot hold."""
    return UNSEEN.sub("\N{REPLACEMENT CHARACTER}", text)


def _names(value: str) -> list[str]:
    return REFERENCE.findall(value) if value.startswith(("#", "url(#")) else []


def _slim(element: Element, plot: _Plot) -> list[Element]:
    """What remains of an element: none where nothing is drawn, its children where it only groups them."""
    tag = element.tag.removeprefix(SVG)
    if tag in ("metadata", "style"):
        return []
    children = [each for child in element for each in _slim(child, plot)]
    if tag == "defs":
        plot.defined.extend(children)
        return []
    attributes = _attributes(element, plot)
    mark = plot.marks.get(element.get("id", ""))
    if mark:
        return _marked(mark, children)
    if tag == "g" and not (attributes and children):
        return _together(children)
    if tag == "path" and attributes.get("fill") == "none" and "stroke" not in attributes and "id" not in attributes:
        return []  # the ground of a figure or of axes, which is not painted
    found = _element(tag, attributes, _together(children))
    found.text = element.text if tag == "text" else None
    return [found]


def _element(tag: str, attributes: Mapping[str, str], children: Sequence[Element]) -> Element:
    found = Element(tag, dict(attributes))
    found.extend(children)
    return found


def _marked(mark: Mark, children: Sequence[Element]) -> list[Element]:
    """The drawn artist, with its tooltip, in the group of its series."""
    if not children:
        return []
    whole = children[0] if len(children) == 1 else _element("g", {}, children)
    if mark.tip:
        title = Element("title")
        title.text = printable(mark.tip)
        whole.insert(0, title)
    return [_element("g", mark.attributes, [whole])] if mark.series else [whole]


def _together(children: Sequence[Element]) -> list[Element]:
    """Neighbours of one series as one group."""
    found: list[Element] = []
    for series, group in groupby(children, key=lambda each: tuple(each.attrib.items()) if _is_series(each) else None):
        members = list(group)
        found += [_element("g", dict(series), [each for one in members for each in one])] if series else members
    return found


def _is_series(element: Element) -> bool:
    return element.tag == "g" and "data-series" in element.attrib


def _attributes(element: Element, plot: _Plot) -> dict[str, str]:
    found = dict(element.attrib)
    style = found.pop("style", "")
    found |= dict(part.split(": ", 1) for part in style.split("; ") if part)
    if LINK in found:
        found["href"] = found.pop(LINK)
    name = plot.names.get(found.pop("id", ""))
    found = {key: value for key, value in found.items() if key not in USUAL and not value.startswith("rotate(-0 ")}
    digits = 2 if name or "opacity" in found else 1  # the shape of a marker is small
    for key, value in found.items():
        if key not in WORDS:
            found[key] = _short(value, digits)
        elif value.startswith(("#", "url(#")) and (target := _names(value)) and target[0] in plot.names:
            found[key] = value.replace(target[0], plot.names[target[0]])
    return found | ({"id": name} if name else {})


def _short(value: str, digits: int) -> str:
    """Fewer digits, and no space where a letter parts two numbers."""
    text = DECIMALS.sub(lambda number: _round(float(number[0]), digits), value.removesuffix("px"))
    return re.sub(r"\s*([A-Za-z,])\s*", r"\1", re.sub(r"\s+", " ", text)).strip() if text[:1] == "M" else text


def _round(number: float, digits: int) -> str:
    text = f"{number:.{digits}f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
