"""The tables of `docs/method.md`, from `methods.json`, which `python -m tests.methods` writes."""

from functools import partial
from typing import Any

from benchmarks.harness import Content
from benchmarks.presentation import Tables, markdown, measured_on

HEAD = ("method", "simulated", "nominal", "observed", "Monte-Carlo bounds", "trials", "verdict")
SIGNS = {"coverage": "≥ ", "error": "≤ ", "share": ""}
SIMULATIONS = ("decision", "crossed", "comparisons", "seeds", "gate", "sessions", "curves", "machine")


def shares(simulation: str, content: Content) -> str:
    """Every share of one simulation with its nominal level."""
    unit = content["units"].get(simulation, {"figures": []})
    return markdown(HEAD, [_row(share) for share in unit["figures"]])


def _row(share: dict[str, Any]) -> tuple[str, ...]:
    nominal, kind = share["nominal"], share["kind"]
    return (
        share["what"],
        share["setting"],
        "-" if nominal is None else f"{SIGNS[kind]}{_percent(nominal)}",
        _percent(share["observed"]),
        f"{_percent(share['low'])} to {_percent(share['high'])}",
        f"{share['trials']:,}",
        share["verdict"],
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


TABLES: Tables = {"measured-on": measured_on, **{name: partial(shares, name) for name in SIMULATIONS}}
