"""`python -m benchmarks.methods.document`: write the tables of `docs/method.md` from `results/benchmarks/methods.json`.

A table stands between `<!-- table: MODULE -->` and `<!-- end -->`; nothing in between is written by hand.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks.engine.document import MARKED, environment, markdown
from benchmarks.methods.__main__ import OUT, stored
from benchmarks.methods.modules import MODULES

PAGE = Path("docs/method.md")
HEAD = ("method", "simulated", "promised", "observed", "Monte-Carlo bounds", "trials", "verdict")


def fill(page: str, content: dict[str, Any]) -> str:
    """The page with every marked table written anew. Raises `ValueError` for a table that nobody knows."""
    return MARKED.sub(lambda found: f"{found[1]}{table(found[2], content)}\n{found[3]}", page)


def table(name: str, content: dict[str, Any]) -> str:
    if name == "environment":
        return environment({"methods": content})
    if name not in MODULES:
        raise ValueError(f"no table '{name}'; there are environment, {', '.join(MODULES)}")
    if name not in content["units"]:
        return "Not simulated yet: `python -m benchmarks.methods`."
    signs = {"coverage": "≥ ", "error": "≤ ", "share": ""}
    rows = [
        (
            each.what,
            each.setting,
            "-" if each.nominal is None else signs[each.kind] + _percent(each.nominal),
            _percent(each.observed),
            f"{_percent(each.low)} to {_percent(each.high)}",
            f"{each.trials:,}",
            each.verdict,
        )
        for each in stored(content["units"][name])
    ]
    return markdown(HEAD, rows)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--figures", type=Path, default=OUT)
    parser.add_argument("--page", type=Path, default=PAGE)
    given = parser.parse_args()
    content = json.loads(given.figures.read_text("utf-8"))
    given.page.write_text(fill(given.page.read_text("utf-8"), content), "utf-8")


if __name__ == "__main__":
    main()
