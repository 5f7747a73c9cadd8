"""`python -m tests.methods`: run the simulations and write their shares to `results/benchmarks/methods.json`."""

from dataclasses import asdict
from functools import partial
from importlib import import_module
from typing import Any

from benchmarks.harness import Measurement, Unit, arguments, open_figures
from benchmarks.methods import SIMULATIONS
from tests.methods.share import Share

TRIALS = 8_000  # of a cheap simulation; a costly one takes a stated part of it
QUICK_TRIALS = 160
DERIVED = ("observed", "low", "high", "verdict")


def simulate(simulation: str, trials: int, seed: int = 0) -> list[Share]:
    """All shares of one simulation by its name."""
    found: list[Share] = import_module(f"tests.methods.{simulation}").shares(trials, seed)
    return found


def as_unit(found: list[Share]) -> Unit:
    """Shares as JSON: the counts, and what is derived from them, for those who read the file alone."""
    return {"figures": [{**asdict(each), **{name: getattr(each, name) for name in DERIVED}} for each in found]}


def stored(unit: dict[str, Any]) -> list[Share]:
    """The shares of a unit of the file."""
    counted = Share.__dataclass_fields__
    return [Share(**{name: value for name, value in row.items() if name in counted}) for row in unit["figures"]]


def _measure(simulation: str, trials: int) -> Unit:
    return as_unit(simulate(simulation, trials))


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--only", choices=SIMULATIONS, nargs="+", default=SIMULATIONS, help="draw these anew")
    given = parser.parse_args()
    trials = QUICK_TRIALS if given.quick else TRIALS
    figures = open_figures("methods", given, {"trials": trials})
    for name in given.only:
        figures.content["units"].pop(name, None)
    figures.measure(Measurement(name, partial(_measure, name, trials)) for name in given.only)


if __name__ == "__main__":
    main()
