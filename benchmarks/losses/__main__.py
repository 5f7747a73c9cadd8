"""`python -m benchmarks.losses`: time a training step under every loss, and keep the raw figures in one JSON file.

A loss takes turns with `cross_entropy` and `kd`, in one process on one thread: in every round all three are built anew,
step once to warm up, and then step for a slice each, in an order that rotates. What is in the file already is not
measured again, unless the loss's own file has changed since.
"""

import argparse
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import torch

from benchmarks.engine.figures import FOLDER, Figures, Unit, say
from benchmarks.losses.pairs import PAIRS, Stand
from kdbench.results import machine_facts
from kdbench.zoo.catalog import BUILTIN
from kdbench.zoo.interface import NotApplicable
from kdbench.zoo.source import source_hash

OUT = FOLDER / "losses.json"
QUICK_OUT = FOLDER / "scratch" / "losses.json"
REFERENCES = ("cross_entropy", "kd")
QUICK_ROUNDS = 2


def measure(stand: Stand, loss: str, rounds: int, steps: int) -> Unit:
    """Seconds of every step, by round; or why the loss cannot serve the pair."""
    sides = (("loss", loss), *((name, name) for name in REFERENCES))
    seconds: dict[str, list[list[float]]] = {side: [] for side, _ in sides}
    try:
        for number in range(rounds):
            turn = number % len(sides)
            for side, took in _round(stand, (*sides[turn:], *sides[:turn]), steps).items():
                seconds[side].append(took)
    except NotApplicable as reason:
        return {"not_applicable": str(reason)}
    return {"seconds": seconds}


def _round(stand: Stand, sides: Sequence[tuple[str, str]], steps: int) -> dict[str, list[float]]:
    with ExitStack() as stack:
        enrolled = {side: stand.enrol(loss, stack) for side, loss in sides}
        for one in enrolled.values():
            one.step()
        return {side: [round(one.step(), 7) for _ in range(steps)] for side, one in enrolled.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="two rounds, to a file of its own: to try it out")
    parser.add_argument("--only", choices=BUILTIN["losses"], nargs="+", default=list(BUILTIN["losses"]))
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True, warn_only=True)  # as in kdbench's workers
    rounds = {name: QUICK_ROUNDS if given.quick else pair.rounds for name, pair in PAIRS.items()}
    figures = Figures(given.out or (QUICK_OUT if given.quick else OUT), {"rounds": rounds})
    figures.content["pairs"] = {name: pair.label for name, pair in PAIRS.items()}
    for name, pair in PAIRS.items():
        stand = Stand(pair)
        for loss in given.only:
            unit_id, source = f"{name}/{loss}", source_hash(BUILTIN["losses"][loss])
            if unit_id in figures and figures.content["units"][unit_id]["source"] == source:
                continue
            before, began = machine_facts(), time.perf_counter()
            unit = measure(stand, loss, rounds[name], pair.steps)
            figures.add(unit_id, {**unit, "source": source}, before)
            say(f"{unit_id}: {unit.get('not_applicable') or f'{time.perf_counter() - began:.1f} s'}")


if __name__ == "__main__":
    main()
