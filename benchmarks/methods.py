"""The tables of `docs/method.md`, from `methods.json`, which `python -m tests.methods` writes."""

from functools import partial
from typing import Any

from benchmarks import selftest
from benchmarks.harness import Content
from benchmarks.presentation import Tables, markdown, measured_on

HEAD = ("method", "simulated", "nominal", "observed", "Monte-Carlo bounds", "trials", "verdict")
ENOUGH = 250  # trials: with fewer, a departure of several points goes unnoticed
SIGNS = {"coverage": "≥ ", "error": "≤ ", "share": ""}
SIMULATIONS = (
    "decision",
    "families",
    "crossed",
    "comparisons",
    "seeds",
    "gate",
    "sessions",
    "history",
    "curves",
    "machine",
)


def shares(simulation: str, content: Content) -> str:
    """Every share of one simulation with its nominal level."""
    unit = content["units"].get(simulation, {"figures": []})
    return markdown(HEAD, [_row(share) for share in unit["figures"]])


def overview(content: Content) -> str:
    """One line for each method in use, over all its settings: the level it claims, and what was observed."""
    found: dict[tuple[str, str, float], list[dict[str, Any]]] = {}
    for simulation in SIMULATIONS:
        for share in content["units"].get(simulation, {"figures": []})["figures"]:
            if share["nominal"] is not None and "(not used)" not in share["what"]:
                found.setdefault((share["what"], share["kind"], share["nominal"]), []).append(share)
    rows = []
    for (what, kind, nominal), settings in found.items():
        low, high = (pick(share["observed"] for share in settings) for pick in (min, max))
        wrong = sum(share["verdict"].startswith("too") for share in settings)
        few = min(share["trials"] for share in settings) < ENOUGH
        observed = _percent(low) if low == high else f"{_percent(low)} to {_percent(high)}"
        holds = f"not in {wrong} of {len(settings)} settings" if wrong else "too few trials to tell" if few else "yes"
        rows.append((what, f"{SIGNS[kind]}{_percent(nominal)}", observed, f"{len(settings)}", holds))
    return markdown(("method", "nominal", "observed", "settings", "holds"), rows)


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


TABLES: Tables = {
    "measured-on": measured_on,
    "overview": overview,
    **{name: partial(shares, name) for name in SIMULATIONS},
    **selftest.TABLES,
}
