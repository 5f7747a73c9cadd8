"""`python -m benchmarks.screenshots`: images of the Fashion-MNIST report for the README, by Chromium."""

import shutil
import sys
from io import BytesIO
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

REPORT, IMAGES = Path("reports/fashion/index.html"), Path("docs/images")
Scheme = Literal["light", "dark"]
SHOTS: tuple[tuple[str, Scheme, int, int], ...] = (
    ("report", "light", 1280, 1800),
    ("report-dark", "dark", 1280, 1800),
    ("report-narrow", "light", 380, 1800),
)


def main() -> None:
    """Take every screenshot."""
    chromium = shutil.which("chromium") or sys.exit("no chromium on the PATH: apt-get install chromium")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name, scheme, width, height in SHOTS:
            _take(browser, IMAGES / f"{name}.png", scheme, width, height)
        browser.close()


def _take(browser: Browser, file: Path, scheme: Scheme, width: int, height: int) -> None:
    """The top of the page, in 256 colours: a third of the bytes."""
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    page.goto(REPORT.absolute().as_uri())
    Image.open(BytesIO(page.screenshot())).convert("RGB").quantize(256).save(file, optimize=True)
    page.close()


if __name__ == "__main__":
    main()
