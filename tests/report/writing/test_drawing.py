import re
from xml.etree import ElementTree

from kdbench.report.writing.drawing import DARK, INK, LIGHT, SENTINELS, SERIES, draw

NAME = 'a < b & $c$ > "d"'


def paint(drawing):
    axes = drawing.axes(40, 10, 30, 10)
    (line,) = axes.plot([0, 1], [0, 1], "o-", color=SERIES[1])
    drawing.tip(line, NAME)
    axes.text(0.5, 0.5, NAME, color=INK)


def test_the_same_drawing_gives_the_same_bytes():
    assert draw("x", NAME, 300, 200, paint) == draw("x", NAME, 300, 200, paint)


def test_both_forms_are_xml_with_names_kept_as_text():
    image = draw("x", NAME, 300, 200, paint)
    for svg in (image.inline, image.file):
        root = ElementTree.fromstring(svg)
        texts = [element.text for element in root.iter() if element.tag.endswith(("text", "title"))]
        assert texts.count(NAME) == 3  # title of the plot, tip of the line, text in the axes


def test_decimals_are_trimmed_in_coordinates_and_never_in_words():
    name = 'kd(weight=0.0125) x="1.23456" <g d="0.98765">'

    def words(drawing):
        axes = drawing.axes(40, 10, 30, 10)
        (line,) = axes.plot([0, 1 / 3], [0, 1 / 7])
        drawing.tip(line, name)
        axes.text(0.5, 0.5, name)

    for svg in (draw("x", "weight 0.0625", 300, 200, words).inline, draw("x", name, 300, 200, words).file):
        root = ElementTree.fromstring(svg)
        texts = [element.text for element in root.iter() if element.tag.endswith(("text", "title"))]
        assert texts.count(name) >= 2
        paths = [element.get("d") for element in root.iter() if element.get("d")]
        assert paths
        assert not any(re.search(r"\d\.\d{3}", path) for path in paths)


def test_no_sentinel_colour_is_left_and_the_page_decides():
    image = draw("x", NAME, 300, 200, paint)
    assert not any(sentinel in svg for sentinel in SENTINELS for svg in (image.inline, image.file))
    assert "var(--s1)" in image.inline
    assert LIGHT["s1"] in image.file


def test_ids_of_two_plots_on_a_page_differ():
    first, second = (draw(name, "t", 300, 200, paint).inline for name in "ab")
    ids = [{e.get("id") for e in ElementTree.fromstring(svg).iter()} - {None} for svg in (first, second)]
    assert ids[0]
    assert not ids[0] & ids[1]


def test_every_reference_has_its_target():
    root = ElementTree.fromstring(draw("x", "t", 300, 200, paint).inline)
    ids = {element.get("id") for element in root.iter()}
    used = {element.get("href")[1:] for element in root.iter() if element.get("href")}
    used |= {element.get("clip-path")[5:-1] for element in root.iter() if element.get("clip-path")}
    assert used
    assert used <= ids


def test_no_date_no_address_no_style_for_the_whole_page():
    image = draw("x", "t", 300, 200, paint)
    assert "<style" not in image.inline
    assert "metadata" not in image.inline
    assert image.inline.count("http") == 0


def luminance(color):
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_contrast_meets_wcag():
    """Text 4.5:1 (AA), on the band too; marks 3:1."""
    for theme in (LIGHT, DARK):
        for role, color in theme.items():
            if role in ("grid", "band", "paper"):
                continue
            for ground in ("paper", "band") if role in ("ink", "muted") else ("paper",):
                high, low = sorted((luminance(color), luminance(theme[ground])), reverse=True)
                assert (high + 0.05) / (low + 0.05) >= (3 if role.startswith("s") else 4.5), (role, ground)
