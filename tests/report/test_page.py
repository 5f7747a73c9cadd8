import re
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from kdbench.analyze import Summary, summarize
from kdbench.analyze.decisions.recommend import recommend
from kdbench.report import render_report
from kdbench.report.page import SECTIONS
from kdbench.results import Outcome
from tests.records import Shape, edited, make_results

EVIL = 'a<b>&"c"|d\'`*_$x$'
VOID = {"meta", "link", "br", "img", "hr", "input"}
ALL_FAIL = {
    ("big -> small", loss, s): Outcome(status="failed", reason="<script>alert(1)</script> | x\ny")
    for loss in ("teacher", "cross_entropy", "kd")
    for s in range(3)
}
SHAPES = {
    "usual": Shape(),
    "one seed": Shape(seeds=1),
    "two seeds": Shape(seeds=2),
    "two pairs": Shape(pairs=(("big", "small"), ("wide", "thin")), seeds=5),
    "one loss": Shape(losses=("cross_entropy",)),
    "no student alone": Shape(losses=("kd", "dkd")),
    "many losses": Shape(losses=tuple(f"loss_{i}" for i in range(20))),
    "no latency": Shape(latency=False),
    "few calls": Shape(calls=10),
    "not measured": Shape(not_measured=(("cuda", EVIL),)),
    "evil names": Shape(pairs=((EVIL, "s" + EVIL),), losses=("cross_entropy", EVIL)),
    "some failed": Shape(outcomes={("big -> small", "kd", 0): Outcome(status="skipped", reason=EVIL)}),
    "all failed": Shape(outcomes=ALL_FAIL),
    "no variance": Shape(accuracy=lambda *_: 0.9),
    "at chance": Shape(accuracy=lambda *_: 0.0),
    "one epoch": Shape(epochs=1),
    "ways of teaching": Shape(teaching=("ensemble", "single", "generations"), losses=("cross_entropy", "kd", EVIL)),
    "conditions": Shape(seeds=6, conditions=("noise", "blur", "occlusion"), joules=1e-5),
    "long": Shape(epochs=12, seeds=5, teacher_seeds=2),
}


class Balance(HTMLParser):
    """Checks that tags close in order, and gathers text and ids."""

    def __init__(self):
        super().__init__()
        self.open, self.text, self.ids, self.addresses = [], [], [], []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)
        self.ids += [value for name, value in attrs if name == "id"]
        self.addresses += [v for name, v in attrs if name in ("src", "href") and v and not v.startswith(("#", "data:"))]

    def handle_startendtag(self, tag, attrs):
        self.ids += [value for name, value in attrs if name == "id"]

    def handle_endtag(self, tag):
        assert self.open
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@cache
def summary_of(shape: str) -> Summary:
    return summarize(make_results(SHAPES[shape]))


@pytest.fixture(scope="module", params=SHAPES, ids=lambda name: name.replace(" ", "-"))
def rendered(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    html, markdown = render_report(summary_of(request.param), folder)
    return request.param, html.read_text("utf-8"), markdown.read_text("utf-8"), folder


def test_html_is_whole_and_needs_nothing_else(rendered):
    _, html, _, _ = rendered
    page = Balance()
    page.feed(html)
    assert not page.open
    assert len(page.ids) == len(set(page.ids))
    assert page.addresses == []
    assert "://" not in re.sub(r"<script>.*</script>", "", html, flags=re.DOTALL)
    assert "<script>alert" not in html
    assert not re.search(r"\b(None|nan|inf)\b", " ".join(page.text).split("with every default")[0])


def test_markdown_tables_are_rectangular_and_images_exist(rendered):
    _, _, markdown, folder = rendered
    width = None
    for line in markdown.splitlines():
        bars = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else None
        assert bars == width or width is None or bars is None, line
        width = bars
    for image in re.findall(r"\]\(([^)]*\.svg)\)", markdown):
        ElementTree.fromstring((folder / image).read_text("utf-8"))
    assert "<b>" not in markdown
    assert "<script>" not in markdown


def test_both_begin_with_what_to_ship(rendered):
    name, html, markdown, _ = rendered
    words = ("Ship ", "Undecided: ", "Nothing to ship, because ")
    assert markdown.removeprefix("**").startswith(words[2:] if name in ("all failed", "at chance") else words)
    body = Balance()
    body.feed(html[html.index("<body") : html.index("</html>")])
    assert next(text.strip() for text in body.text if text.strip()).startswith(words)


def test_reasons_are_told(tmp_path):
    html, markdown = render_report(summary_of("all failed"), tmp_path)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html.read_text("utf-8")
    assert "7 of 7 rows have no result" in markdown.read_text("utf-8")
    html, _ = render_report(summary_of("not measured"), tmp_path)
    assert "Asked for and not measured" in html.read_text("utf-8")


def test_markdown_shows_names_as_they_are(tmp_path):
    _, markdown = render_report(summary_of("evil names"), tmp_path)
    assert r"a&lt;b&gt;&amp;" in markdown.read_text("utf-8")
    assert r"\|d'\`\*\_\$x\$" in markdown.read_text("utf-8")


def test_rendering_twice_gives_the_same_bytes(tmp_path):
    summary = summarize(make_results())
    for folder in ("a", "b"):
        render_report(summary, tmp_path / folder)
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == [
        "accuracy.svg",
        "cost-0.svg",
        "curves-0.svg",
        "gain.svg",
        "index.html",
        "reliability-0.svg",
        "report.md",
        "summary.md",
    ]
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_every_promised_figure_is_there(tmp_path):
    _, markdown = render_report(summarize(make_results(Shape(seeds=5))), tmp_path)
    text = markdown.read_text("utf-8")
    for word in (
        "Top-1", "SD", "Worst seed", "Gain", "Least detectable", "Verdict", "Retention", "Smaller", "Latency p50",
        "FLOPs", "Correct per GFLOP", "Training step", "Training cost", "Cost alone", "Cost here", "Peak memory",
        "View schedule", "Mixup", "Precision", "Processes and threads", "Curve slope", "Correct per CPU-second", "Seeds", "Teachers",
        "test samples", "Validation", "threads 1", "Processor", "kdbench run example",
    ):  # fmt: skip
        assert word in text, word


def words_of(results, folder):
    return render_report(summarize(results), folder)[1].read_text("utf-8")


def test_the_command_is_the_one_that_was_given(tmp_path):
    results = make_results()
    assert "kdbench run example\nkdbench report example" in words_of(results, tmp_path)
    run = results.run.model_copy(update={"command": "kdbench run 'my suite.toml' --seeds 3"})
    text = words_of(replace(results, run=run), tmp_path)
    assert "kdbench run 'my suite.toml' --seeds 3" in text
    assert "kdbench run example" not in text


def test_origin_is_in_utc_and_counts_each_model_once(tmp_path):
    results = make_results()
    text = words_of(results, tmp_path)
    assert (
        "Run 20250102T030405Z-abcd began 2025-01-02 03:04:05 UTC and took 2 min 03 s. 7 trials: 7 trained in it."
        in text
    )
    first = results.run.trained[:3]
    again = tuple(e.model_copy(update={"loss": "kd", "role": "student"}) for e in results.run.entries[1:4])
    run = results.run.model_copy(
        update={"entries": (*results.run.entries, *again), "trained": first, "started": "2025-01-02T05:04:05+02:00"}
    )
    text = words_of(replace(results, run=run), tmp_path)
    assert "began 2025-01-02 03:04:05 UTC" in text
    assert "7 trials: 3 trained in it, 4 there before." in text


def test_records_of_another_machine_are_told(tmp_path):
    results = make_results()
    assert "Records of other machines or versions" not in words_of(results, tmp_path)
    key = results.run.entries[0].key
    machine = results.run.machine | {"cpu": "Other CPU"}
    moved = edited(results, trials=lambda r: r.model_copy(update={"machine": machine}) if r.key == key else r)
    text = words_of(moved, tmp_path)
    assert "| Records of other machines or versions | Processor: Other CPU for 1 trained model |" in text


def test_latency_tells_the_slices_that_were_timed(tmp_path):
    # The factory's ratios have 5 sessions of 8 slice pairs.
    assert "40 slice pairs each" in words_of(make_results(), tmp_path)
    assert "nothing was timed" in words_of(make_results(Shape(latency=False)), tmp_path)


@pytest.mark.parametrize(("seeds", "verdict"), [(3, "no claim"), (5, "better")])
def test_table_and_sentence_agree(tmp_path, seeds, verdict):
    level = {"teacher": 0.95, "cross_entropy": 0.90, "kd": 0.93}
    text = words_of(
        make_results(Shape(seeds=seeds, accuracy=lambda p, loss, s: level[loss] + 0.0001 * s * len(loss))), tmp_path
    )
    row = next(line for line in text.splitlines() if line.startswith(("| kd", "| **kd")))
    assert verdict in row
    assert text.startswith("**Ship small taught by kd.**") == (verdict == "better")
    assert ("▲" in text) == (verdict == "better")


def test_a_definition_stands_once_and_in_one_place(tmp_path):
    html, markdown = (path.read_text("utf-8") for path in render_report(summarize(make_results()), tmp_path))
    methods = html[html.index('id="methods"') :]
    for term in ("Verdict", "Pareto front", "ECE", "Cost alone", "Timing"):
        assert html.count(f"<dt>{term}</dt>") == methods.count(f"<dt>{term}</dt>") == 1
    assert "(index.html#methods)" in markdown


def test_nothing_in_a_page_needs_styles_that_its_policy_forbids(tmp_path):
    html = render_report(summary_of("conditions"), tmp_path)[0].read_text("utf-8")
    assert "unsafe-inline" not in html
    assert 'style="' not in html


TWO = (("big", "small"), ("wide", "thin"))


@pytest.mark.parametrize("make", SECTIONS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_row_has_a_cell_for_every_column(make, shape) -> None:
    section = make(summary_of(shape))
    for table in section.tables:
        assert {len(row) for row in table.rows} <= {len(table.columns)}, table.name


def test_the_first_screen_gives_the_range_of_one_network_and_says_once_for_what_intervals_hold(tmp_path):
    results = make_results(Shape(seeds=5))
    text = render_report(summarize(results), tmp_path)[0].read_text("utf-8")
    row = recommend(summarize(results)).student
    low, high = 100 * row.prediction.low, 100 * row.prediction.high
    assert f"; of one network trained likewise {low:.2f} to {high:.2f}" in text
    assert text.count("hold for this one teacher of each pair") == 1
