"""`python -m benchmarks.losses`: time a training step under every loss.

A loss takes turns with `cross_entropy` and `kd`, in one process on one thread: in every round all three are built anew,
step once to warm up, and then step for a slice each, in an order that rotates. A loss whose own file has changed since
it was measured is measured again.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial

import torch

from benchmarks.harness import Measurement, Unit, arguments, open_figures
from benchmarks.losses.costs import REFERENCES
from benchmarks.losses.pairs import PAIRS, Stand
from kdbench.zoo.builtin import BUILTIN
from kdbench.zoo.interface import NotApplicable
from kdbench.zoo.source import source_hash

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


def measurements(rounds: Mapping[str, int], losses: Sequence[str]) -> Iterator[Measurement]:
    """Every loss on every pair."""
    for name, pair in PAIRS.items():
        stand = Stand(pair)
        for loss in losses:
            run = partial(measure, stand, loss, rounds[name], pair.steps)
            yield Measurement(f"{name}/{loss}", run, {"source": source_hash(BUILTIN["losses"][loss])})


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--only", choices=BUILTIN["losses"], nargs="+", default=list(BUILTIN["losses"]))
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True, warn_only=True)  # as in kdbench's workers
    rounds = {name: QUICK_ROUNDS if given.quick else pair.rounds for name, pair in PAIRS.items()}
    figures = open_figures("losses", given, {"rounds": rounds})
    figures.content["pairs"] = {name: pair.label for name, pair in PAIRS.items()}
    figures.measure(measurements(rounds, given.only))


if __name__ == "__main__":
    main()
