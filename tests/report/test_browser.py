"""The page as Chromium shows it: offline, at two widths, in both themes."""

import shutil

import pytest

from kdbench.analyze import summarize
from kdbench.report import render_report
from kdbench.results import Outcome
from tests.records import Shape, make_results

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


COLLISIONS = """() => [...document.querySelectorAll('svg.plot')].flatMap(svg => {
  const frame = svg.getBoundingClientRect(), texts = [...svg.querySelectorAll('text')];
  const boxes = texts.map(text => text.getBoundingClientRect());
  const cut = texts.filter((_, i) => boxes[i].left < frame.left - 1 || boxes[i].right > frame.right + 1
    || boxes[i].top < frame.top - 1 || boxes[i].bottom > frame.bottom + 1)
    .map(text => 'cut: ' + text.textContent);
  const over = boxes.flatMap((a, i) => boxes.slice(i + 1).flatMap((b, j) =>
    a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 3 && b.top < a.bottom - 3
      ? [`covers: ${texts[i].textContent} / ${texts[i + 1 + j].textContent}`] : []));
  return [...cut, ...over];
})"""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    shape = Shape(
        pairs=(("cnn(width=64)", "cnn(width=8)"), ("mlp(hidden=256-128)", "mlp(hidden=16)")),
        losses=("cross_entropy", "kd", "dkd", "dist", "fitnet"),
        alone=(1.0, 2.0, 4.0),
        confirms="kd",
        outcomes={("cnn(width=64) -> cnn(width=8)", "dist", 1): Outcome(status="failed", reason="x" * 300)},
        not_measured=(("cuda", "no such provider"),),
        conditions=("noise", "blur", "brightness", "translation"),
    )
    html, _ = render_report(summarize(make_results(shape)), tmp_path_factory.mktemp("report"))
    return html.as_uri()


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def opened(browser, address):
    """A function that opens the page offline; the test fails on any console error."""
    contexts, errors = [], []

    def load(width, scheme="light"):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(address)
        return page

    yield load
    for context in contexts:
        context.close()
    assert errors == []


@pytest.mark.parametrize("width", [380, 768, 1280, 1920])
def test_the_body_never_scrolls_sideways(opened, width):
    page = opened(width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for box in page.locator(".box").all():
        assert box.evaluate("box => box.getBoundingClientRect().right") <= width


@pytest.mark.parametrize("table", ["#losses", "#costs"])
def test_the_main_tables_fit_a_laptop(opened, table):
    assert opened(1280).evaluate(f"document.querySelector('{table}').scrollWidth") <= 1280


def test_costs_sort_by_rank_with_teachers_last(opened):
    page = opened(1280)
    page.locator("#costs thead th").nth(1).locator("button").click()
    ranks = page.evaluate("[...document.querySelectorAll('#costs tbody tr')].map(row => row.cells[1].textContent)")
    assert ranks[-2:] == ["—", "—"]  # of two pairs
    assert list(map(int, ranks[:-2])) == sorted(map(int, ranks[:-2]))


def test_sorting_by_number_both_ways_with_gaps_last(opened):
    page = opened(1280)
    gains = "[...document.querySelectorAll('#losses tbody tr')].map(row => row.cells[3].dataset.sort ?? null)"
    head = page.locator("#losses thead th").nth(3)
    for order, reverse in (("ascending", False), ("descending", True)):
        head.locator("button").click()
        found = page.evaluate(gains)
        assert head.get_attribute("aria-sort") == order
        numbers = [float(gain) for gain in found if gain is not None]
        assert numbers == sorted(numbers, reverse=reverse)
        assert found[len(numbers) :] == [None] * 6  # the student alone of two pairs at three budgets


def test_sorting_by_name(opened):
    page = opened(1280)
    page.locator("#losses thead th button").first.click()
    names = page.evaluate("[...document.querySelectorAll('#losses tbody th')].map(cell => cell.textContent.trim())")
    assert names == sorted(names)


def test_dark_follows_the_system_and_the_toggle(opened):
    ground = "getComputedStyle(document.body).backgroundColor"
    mark = "getComputedStyle(document.querySelector('svg.plot text')).fill"
    light, dark = opened(1280, "light"), opened(1280, "dark")
    assert light.evaluate(ground) == "rgb(255, 255, 255)"
    assert dark.evaluate(ground) == "rgb(22, 27, 34)"
    assert light.evaluate(mark) != dark.evaluate(mark)
    light.click("#theme")
    assert light.evaluate(ground) == dark.evaluate(ground)
    light.reload()
    assert light.evaluate(ground) == dark.evaluate(ground)
    light.click("#theme")
    assert light.evaluate(ground) == "rgb(255, 255, 255)"


SHAPES = {
    "usual": Shape(),
    "one seed": Shape(seeds=1, losses=("cross_entropy",)),
    "no latency": Shape(latency=False, seeds=5),
    "conditions": Shape(conditions=("noise", "blur", "contrast", "brightness", "rotation", "translation", "occlusion")),
    "many losses": Shape(losses=("cross_entropy", *(f"loss_with_a_name_{i}" for i in range(14)))),
    "long names": Shape(pairs=(("wide_resnet(depth=40, width=2)", "wide_resnet(depth=16, width=1)"),)),
    "gains apart": Shape(accuracy=lambda p, loss, s: {"teacher": 0.9, "kd": 0.8}.get(loss, 0.5) + 0.02 * s * len(loss)),
    "close latencies": Shape(
        pairs=(("mlp(hidden=256-128)", "mlp(hidden=16)"), ("cnn(width=16)", "cnn(width=4)")), close=True
    ),
    "three pairs": Shape(pairs=(("resnet56", "resnet20"), ("vgg13", "vgg8"), ("wide_resnet(40, 2)", "shufflenet"))),
    "tuned": Shape(seeds=5, tries=3, losses=("cross_entropy", "kd", "soft_cross_entropy"), alone=(1.0, 2.0)),
    "swept": Shape(seeds=5, temperatures=(0.5, 1.0, 2.0, 4.0, 8.0, 16.0)),
}


@pytest.mark.parametrize("name", SHAPES)
def test_no_text_of_a_plot_is_cut_or_covers_another(browser, tmp_path, name):
    html, _ = render_report(summarize(make_results(SHAPES[name])), tmp_path)
    context = browser.new_context(viewport={"width": 1280, "height": 900}, offline=True)
    page = context.new_page()
    page.goto(html.as_uri())
    assert page.evaluate(COLLISIONS) == []
    context.close()


def test_every_plot_and_control_has_a_name(opened):
    page = opened(380)
    assert page.locator("svg.plot").count() == page.locator("svg.plot[role=img][aria-label]").count() == 11
    for button in page.locator("button").all():
        assert button.text_content().strip() or button.get_attribute("aria-label")
    assert all(text.strip() for text in page.locator("table caption").all_text_contents())
