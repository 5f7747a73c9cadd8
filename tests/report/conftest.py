"""A page in Chromium, with the network off."""

import shutil
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Literal

import pytest

from kdbench.analyze import summarize
from kdbench.report import render_report
from kdbench.results import Outcome
from tests.records import Shape, make_results

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize

CHROMIUM = shutil.which("chromium")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no chromium on the PATH")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
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


@pytest.fixture
def opened(browser: "Browser", address: str) -> "Iterator[Callable[..., Page]]":
    """A function that opens the page offline; the test fails on any console error."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def load(width: int = 1280, scheme: Literal["light", "dark"] = "light", at: str = "", **options: Any) -> "Page":
        size: ViewportSize = {"width": width, "height": 900}
        context = browser.new_context(viewport=size, color_scheme=scheme, offline=True, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(address + at)
        return page

    yield load
    for context in contexts:
        context.close()
    assert errors == []
