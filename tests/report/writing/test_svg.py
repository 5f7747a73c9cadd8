"""What remains of matplotlib's SVG."""

import re
from xml.etree.ElementTree import fromstring

from kdbench.report.writing.svg import Mark, printable, slim

RAW = """<?xml version="1.0"?>
<svg xmlns:xlink="http://www.w3.org/1999/xlink" xmlns="http://www.w3.org/2000/svg" version="1.1">
 <metadata>when</metadata>
 <defs><style type="text/css">*{stroke-linejoin: round}</style></defs>
 <g id="figure_1"><g id="axes_1">
  <g id="patch_1"><path d="M 0 0 L 1 1 z" style="fill: none"/></g>
  <g id="mark-0"><path d="M 54.123456 460 \nL -0.04 20.96 \n" clip-path="url(#p1)" style="fill: none; stroke: #123456; stroke-width: 1.25"/></g>
  <g id="mark-1"><defs><path id="m1" d="M 0 1.625 L 1 0"/></defs>
   <g clip-path="url(#p1)"><use xlink:href="#m1" x="3.14159" y="2" style="fill: #123456"/></g></g>
  <g id="text_1"><text style="font-size: 9.5px; font-family: 'X'; fill: #123456" x="1.05" y="2" transform="rotate(-0 1 2)">a &lt; b, 3.14159</text></g>
 </g></g>
 <defs><clipPath id="p1"><rect x="0" y="0" width="10" height="10"/></clipPath></defs>
</svg>"""


def test_names_styles_and_digits_are_gone_and_texts_are_as_they_were() -> None:
    assert slim(RAW, "plot", [Mark("kd: 3.14159", "kd"), Mark("", "kd")]) == (
        '<defs><path d="M0 1.62L1 0" id="plot-1"/>'
        '<clipPath id="plot-0"><rect x="0" y="0" width="10" height="10"/></clipPath></defs>'
        '<g class="series" data-series="kd">'
        '<path d="M54.1 460L0 21" clip-path="url(#plot-0)" fill="none" stroke="#123456" stroke-width="1.2">'
        "<title>kd: 3.14159</title></path>"
        '<g clip-path="url(#plot-0)"><use x="3.1" y="2" fill="#123456" href="#plot-1"/></g></g>'
        '<text x="1.1" y="2" font-size="9.5" fill="#123456">a &lt; b, 3.14159</text>'
    )


def test_series_in_the_background_are_told_by_their_class() -> None:
    svg = slim(RAW, "plot", [Mark(series="kd", quiet=True), Mark(series="dkd")])
    assert re.findall(r'<g class="([^"]*)" data-series="([^"]*)"', svg) == [("series quiet", "kd"), ("series", "dkd")]


def test_a_control_character_of_a_name_does_not_break_the_file() -> None:
    assert printable("a\x01b\n") == "a\N{REPLACEMENT CHARACTER}b\n"
    svg = slim(RAW.replace("a &lt; b", "a\x01b"), "plot", [Mark("\x02", "\x03"), Mark()])
    fromstring(f"<svg>{svg}</svg>")
