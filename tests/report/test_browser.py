"""The page as Chromium shows it: at four widths, in both themes, printed, without a script, and to a screen reader."""

import re

import pytest

from kdbench.analyze import summarize
from kdbench.report import render_report
from tests.records import Shape, make_results

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
UNFOLD = "document.querySelectorAll('details:not(.menu)').forEach(part => part.open = true)"
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


@pytest.mark.parametrize("width", [380, 768, 1280, 1920])
def test_the_body_never_scrolls_sideways(opened, width):
    page = opened(width)
    page.evaluate(UNFOLD)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for box in page.locator(".box").all():
        assert box.evaluate("box => box.getBoundingClientRect().right") <= width


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
    page.evaluate(UNFOLD)
    assert page.evaluate(COLLISIONS) == []
    context.close()


def test_every_plot_and_control_has_a_name(opened):
    page = opened(380)
    assert page.locator("svg.plot").count() == page.locator("svg.plot[role=img][aria-label]").count() == 11
    for button in page.locator("button").all():
        assert button.text_content().strip() or button.get_attribute("aria-label")
    assert all(text.strip() for text in page.locator("table caption").all_text_contents())


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (380, "light")])
def test_a_screen_reader_meets_no_serious_fault(opened, width, scheme):
    page = opened(width, scheme)
    page.evaluate(UNFOLD)
    found = axe.Axe().run(page).response["violations"]
    serious = [fault for fault in found if fault["impact"] in ("serious", "critical")]
    assert [(fault["id"], fault["nodes"][0]["html"]) for fault in serious] == []


def test_the_answer_the_ranking_and_the_trade_off_take_three_screens_and_all_else_is_folded(opened):
    page = opened(1280)
    assert page.locator("section[aria-labelledby=h-accuracy]").bounding_box()["y"] < 2 * 900
    assert page.locator("details.part").count() > 15
    assert page.locator("details.part[open]").count() == 0
    bottom = page.locator("details.part").first.bounding_box()["y"]
    assert bottom <= 3 * 900


def test_gain_and_verdict_are_in_sight_on_a_telephone(opened):
    page = opened(380)
    for name in ("Verdict", "Gain"):
        box = page.locator("#losses thead th").filter(has_text=re.compile(f"^{name}")).first.bounding_box()
        assert box["x"] + box["width"] <= 380


def test_the_contents_stay_in_sight(opened):
    for width in (1280, 380):
        page = opened(width)
        page.evaluate("scrollTo(0, 1500)")
        assert 0 <= page.locator("#contents > summary").bounding_box()["y"] < 60


def test_print_cuts_no_column_repeats_heads_and_splits_no_plot(opened):
    page = opened(688)  # A4 less its margins, at 96 dots an inch
    page.evaluate(UNFOLD)
    page.emulate_media(media="print")
    style = "(found, name) => getComputedStyle(found)[name]"
    for box in page.locator(".box:visible").all():
        assert box.evaluate("box => box.scrollWidth - box.clientWidth") <= 1, box.get_attribute("aria-label")
        assert box.evaluate(style, "overflowY") == "visible"
    assert page.locator("#losses thead").evaluate(style, "display") == "table-header-group"
    # Chromium repeats the text of a head on the next page, and leaves out its buttons.
    assert page.locator("#losses thead button").first.evaluate(style, "display") == "contents"
    assert page.locator("figure").first.evaluate(style, "breakInside") == "avoid"
    assert not page.locator("nav").is_visible()
    assert not page.locator("#losses + .tools, .tools").first.is_visible()


def test_print_is_dark_on_white_whatever_the_screen(opened):
    page = opened(1280, "dark")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_without_a_script_every_column_is_there_and_no_idle_control(opened):
    page = opened(1280, java_script_enabled=False)
    heads = page.locator("#losses thead th")
    assert heads.count() > 7
    assert all(head.is_visible() for head in heads.all())
    assert not any(page.locator(idle).first.is_visible() for idle in ("#theme", "#search", "#unfold"))
    page.locator("#h-curves").click()
    assert page.locator("#curves").is_visible()


EVIL = """"><img src=x onerror=alert(1)><script>alert(2)</script>'&amp;`${1}`"""


def test_hostile_names_change_nothing_but_text(browser, tmp_path):
    shape = Shape(pairs=((f"big{EVIL}", f"small{EVIL}"),), losses=("cross_entropy", EVIL), seeds=2)
    html, _ = render_report(summarize(make_results(shape)), tmp_path)
    context = browser.new_context(offline=True)
    page, said = context.new_page(), []
    page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(html.as_uri())
    page.evaluate(UNFOLD)
    for head in page.locator("#losses thead button").all():
        if head.is_visible():
            head.hover()
    assert said == []
    assert page.locator("img, script").count() == 2  # the data and the script of the page
    assert EVIL in page.locator("#losses tbody").text_content()
    context.close()


def test_the_page_runs_no_script_but_its_own(browser, address):
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.goto(address)
    page.evaluate("""() => {
        const script = document.createElement('script');
        script.textContent = 'window.foreign = true';
        document.body.append(script);
    }""")
    assert page.evaluate("window.foreign") is None
    context.close()
