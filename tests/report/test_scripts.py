"""What the two scripts of a page do: order, choice, filters, links, copies, downloads."""

import csv
import io
import json
import re

import numpy as np
import pytest

from kdbench.analyze import Budgets, Candidate, choose

ROWS = "[...document.querySelectorAll('#losses tbody tr')].filter(row => row.checkVisibility())"
NAMES = f"{ROWS}.map(row => row.cells[0].firstChild.textContent.trim())"


def head(page, table, text, number=0):
    return page.locator(f"{table} thead th").filter(has_text=re.compile(f"^{text}")).nth(number)


def column(page, table, text):
    """The figures of a column as they stand; None for a gap."""
    return page.evaluate(
        """([table, text]) => {
            const heads = [...document.querySelectorAll(`${table} thead th`)];
            const at = heads.findIndex(head => head.textContent.startsWith(text));
            return [...document.querySelectorAll(`${table} tbody tr`)].map(row => row.cells[at].dataset.sort ?? null);
        }""",
        [table, text],
    )


def numbers(figures):
    return [float(figure) for figure in figures if figure is not None]


def test_the_ranking_begins_with_the_greatest_gain_under_a_caret(opened):
    page = opened()
    gains = column(page, "#losses", "Gain")
    assert numbers(gains) == sorted(numbers(gains), reverse=True)
    assert head(page, "#losses", "Gain").get_attribute("aria-sort") == "descending"
    caret = "head => getComputedStyle(head.querySelector('button'), '::before').content"
    assert "▼" in head(page, "#losses", "Gain").evaluate(caret)
    assert "↕" in head(page, "#losses", "Top-1").evaluate(caret)


def test_a_first_click_puts_the_best_first_and_a_second_the_worst_with_gaps_last_in_both(opened):
    page = opened()
    page.click("#h-costs")
    for table, text, best in (("#losses", "Top-1", "descending"), ("#costs", "Relative cost", "ascending")):
        worst = {"descending": "ascending", "ascending": "descending"}[best]
        for order in (best, worst):
            head(page, table, text).locator("button").click()
            found = column(page, table, text)
            assert head(page, table, text).get_attribute("aria-sort") == order
            assert numbers(found) == sorted(numbers(found), reverse=order == "descending")
            assert None not in found[: len(numbers(found))]
    assert column(page, "#costs", "Relative cost")[-2:] == [None, None]  # the teachers


def test_sorting_by_name(opened):
    page = opened()
    head(page, "#losses", "Loss").locator("button").click()
    assert page.evaluate(NAMES) == sorted(page.evaluate(NAMES))


def test_at_most_seven_columns_are_open_and_the_reader_chooses_others(opened):
    page = opened()
    page.click("#unfold")
    for table in page.locator("table.data").all():
        assert table.evaluate("table => [...table.tHead.rows[0].cells].filter(cell => !cell.hidden).length") <= 7
    assert not head(page, "#losses", "Least detectable").is_visible()
    page.locator(".tools", has=page.locator("text=Columns")).first.locator("summary", has_text="Columns").click()
    page.get_by_label("Least detectable").first.check()
    assert head(page, "#losses", "Least detectable").is_visible()
    again = opened(at=f"#{page.url.partition('#')[2]}")
    assert head(again, "#losses", "Least detectable").is_visible()


def test_rows_are_filtered_by_pair_and_loss_in_every_table(opened):
    page = opened()
    pair = "mlp(hidden=256-128) -> mlp(hidden=16)"
    everything = len(page.evaluate(NAMES))
    page.select_option("#pair", pair)
    assert len(page.evaluate(NAMES)) == everything / 2
    page.fill("#loss", "kd")
    assert page.evaluate(NAMES) == ["dkd", "kd"] or page.evaluate(NAMES) == ["kd", "dkd"]
    page.click("#h-curves")
    assert page.locator("#curves tbody tr:visible").count() == 2
    page.reload()
    assert page.input_value("#pair") == pair
    assert len(page.evaluate(NAMES)) == 2


def test_a_link_to_a_trial_that_a_filter_hides_lifts_the_filter(opened):
    page = opened()
    page.fill("#loss", "dkd")
    hidden = page.evaluate("[...document.querySelectorAll('[id^=trial-]')].find(trial => trial.hidden).id")
    page.evaluate("anchor => { location.hash = anchor; }", hidden)
    page.wait_for_function("anchor => document.getElementById(anchor).checkVisibility()", arg=hidden)
    assert page.input_value("#loss") == ""


def test_a_search_leaves_the_parts_that_hold_the_words(opened):
    page = opened()
    everything = page.locator("#contents li:visible").count()
    page.keyboard.press("/")
    page.keyboard.type("involuntary")
    left = page.locator("#contents li:visible").all_text_contents()
    assert 0 < len(left) < everything
    assert "Noise of the machine" in left
    page.fill("#search", "")
    assert page.locator("#contents li:visible").count() == everything


def test_a_link_opens_what_was_chosen(opened):
    page = opened()
    head(page, "#losses", "Worst seed").locator("button").click()
    page.fill("#loss", "d")
    shown = page.evaluate(NAMES)
    again = opened(at=f"#{page.url.partition('#')[2]}")
    assert again.evaluate(NAMES) == shown
    assert head(again, "#losses", "Worst seed").get_attribute("aria-sort") == "descending"


def test_a_row_leads_to_its_trial_and_keeps_what_was_chosen(opened):
    page = opened()
    page.fill("#loss", "kd")
    page.locator("#losses tbody tr:visible th a").first.click()
    anchor = re.search(r"#(trial-\w+)&loss=kd$", page.url)[1]
    panel = page.locator(f"#{anchor}")
    assert panel.evaluate("panel => panel.open")
    assert panel.locator("svg.curve").is_visible()
    assert "SHA-256" in panel.text_content()
    assert panel.evaluate("panel => Math.abs(panel.getBoundingClientRect().top)") < 900


def test_a_deep_link_opens_the_trial(opened):
    key = opened().locator("details.trial").last.get_attribute("id")
    page = opened(at=f"#{key}")
    assert page.locator(f"#{key} .facts").is_visible()


@pytest.mark.parametrize(
    ("name", "begins"), [("CSV", '"Loss"'), ("Markdown", "| Loss |"), ("LaTeX", "\\begin{tabular}")]
)
def test_a_table_is_copied_as_it_is_seen(opened, name, begins):
    page = opened()
    page.fill("#loss", "dkd")
    page.evaluate("navigator.clipboard.writeText = async text => { window.copied = text; }; null")
    page.locator(".tools").first.locator("summary", has_text="Copy").click()
    page.locator(".tools").first.get_by_role("button", name=name).click()
    page.wait_for_function("window.copied")
    copied = page.evaluate("copied")
    assert copied.startswith(begins)
    assert copied.count("dkd") == 2  # of two pairs
    assert "fitnet" not in copied
    assert "copied as" in page.locator("#status").text_content()
    if name == "CSV":
        rows = list(csv.reader(io.StringIO(copied)))
        assert [len(row) for row in rows] == [7, 7, 7]


def test_a_refused_clipboard_is_not_the_end_of_it(opened):
    page = opened()
    page.evaluate("navigator.clipboard.writeText = async () => { throw new Error('refused'); }; null")
    page.evaluate("document.execCommand = () => { window.copied = document.activeElement.value; return true; }; null")
    page.locator(".tools").first.locator("summary", has_text="Copy").click()
    page.locator(".tools").first.get_by_role("button", name="Markdown").click()
    page.wait_for_function("window.copied")
    assert page.evaluate("copied").startswith("| Loss")


def test_downloads_hold_every_figure_with_its_value(opened):
    page = opened()
    page.fill("#loss", "dkd")  # downloads are of everything
    with page.expect_download() as waiting:
        page.click("#download-json")
    figures = json.loads(waiting.value.path().read_text("utf-8"))["figures"]
    (top1,) = {
        found["value"]
        for found in figures
        if found["table"] == "losses" and found["column"].startswith("Top-1") and found["row"].startswith("fitnet (cnn")
    }
    shown = next(found["text"] for found in figures if found["value"] == top1 and found["table"] == "losses")
    assert shown.startswith(f"{100 * top1:.2f} %")
    with page.expect_download() as waiting:
        page.click("#download-csv")
    rows = list(csv.DictReader(io.StringIO(waiting.value.path().read_bytes().decode())))
    assert len(rows) == len(figures)
    assert waiting.value.suggested_filename == "example.csv"


def test_a_tip_is_shown_by_pointer_and_keyboard_and_leaves_with_escape(opened):
    page = opened()
    button = head(page, "#losses", "Verdict").locator("button")
    for show in (button.hover, button.focus):
        show()
        assert "better: above" in page.locator("#tip").text_content()
        assert page.locator("#tip").is_visible()
        page.keyboard.press("Escape")
        assert not page.locator("#tip").is_visible()
    mark = page.locator("svg.plot g:has(> title)").first
    words = mark.locator("title").text_content()
    mark.dispatch_event("pointerover")
    assert page.locator("#tip").text_content() == words
    assert page.locator("#tip").is_visible()


def test_a_table_is_sorted_and_a_part_opened_by_keyboard_alone(opened):
    page = opened()
    head(page, "#losses", "Top-1").locator("button").focus()
    page.keyboard.press("Enter")
    assert head(page, "#losses", "Top-1").get_attribute("aria-sort") == "descending"
    page.locator("details.part > summary").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("details.part").first.evaluate("part => part.open")


def made_up(random, count):
    """Candidates with many ties, some of them not timed, each shown to be worse than some others."""
    return [
        Candidate(
            name=f"candidate {place}",
            pick=None,
            variant=None,
            answer=None,
            top1=int(random.integers(80, 86)) / 100,
            validation=int(random.integers(80, 84)) / 100,
            microseconds=None if random.random() < 0.2 else float(random.integers(1, 6)),
            cost=float(random.integers(1, 4)),
            bytes=int(random.integers(1, 6)),
            parameters=int(random.integers(1, 6)),
            worse_than=tuple(other for other in range(count) if other != place and random.random() < 0.3),
        )
        for place in range(count)
    ]


def test_budgets_on_the_page_choose_by_the_rule_of_recommend(opened):
    random, cases, expected = np.random.default_rng(0), [], []
    for _ in range(300):
        found = made_up(random, int(random.integers(1, 7)))
        limits = {
            name: float(limit)
            for name, limit in zip(("microseconds", "bytes", "parameters"), random.integers(2, 7, 3), strict=True)
            if random.random() < 0.5
        } | ({"top1": int(random.integers(80, 86)) / 100} if random.random() < 0.5 else {})
        best = choose(found, Budgets(*(limits.get(name) for name in ("microseconds", "bytes", "parameters", "top1"))))
        names = ("name", "top1", "validation", "microseconds", "cost", "bytes", "parameters", "worse_than")
        cases.append([[{name: getattr(each, name) for name in names} for each in found], limits])
        expected.append(best.name if best else None)
    chosen = opened().evaluate(
        "cases => cases.map(([found, limits]) => chooseWithin(found, limits)?.name ?? null)", cases
    )
    assert chosen == expected
    assert 0 < expected.count(None) < 150


def test_budgets_are_fields_that_answer_at_once_and_stay_in_the_link(opened):
    page = opened()
    answer = page.locator("#budgets output")
    assert answer.text_content() == ""
    page.get_by_label("Top-1 at least").fill("10")
    assert "top-1" in answer.text_content()
    assert answer.locator("a").get_attribute("href").startswith("#trial-")
    page.get_by_label("Latency at most").fill("0,001")
    assert answer.text_content() == "Nothing to ship, because no student is within these budgets."
    again = opened(at=f"#{page.url.partition('#')[2]}")
    assert again.locator("#budgets output").text_content() == answer.text_content()
    page.get_by_label("Latency at most").fill("fast")
    assert answer.text_content() == "A budget is a number, such as 50 or 0.5."


def test_a_loss_stands_out_under_the_pointer_and_after_a_click_in_every_plot(opened):
    page = opened()
    kd = page.locator("svg.plot [data-series=kd]").first
    on = "name => [...document.querySelectorAll('svg.plot .series.on')].every(mark => mark.dataset.series === name)"
    count = "document.querySelectorAll('svg.plot.picked').length"
    kd.dispatch_event("pointerover")
    assert page.evaluate(on, "kd")
    assert page.evaluate(count) == 1
    kd.dispatch_event("click")
    assert page.evaluate(count) > 1
    assert "series=kd" in page.url
    kd.dispatch_event("click")
    assert page.evaluate(count) == 0
