"""Processes times threads of a wave of cohorts, chosen by a short measured probe."""

from collections.abc import Callable, Sequence

from kdbench.results import Layout

# More than one thread a process changes the last bits of what is trained, so it must gain clearly: the time of the
# wave has to fall below this share of what single-thread processes take.
CLEARLY = 0.8
# A wave that single threads finish within so many seconds is not worth another probe.
SHORT = 20.0

# Seconds that an epoch of one model takes in `processes` at once, with `threads` each; none where it does not train.
Probe = Callable[[int, int], float | None]


def choose_layout(cohorts: Sequence[int], cores: int, probe: Probe) -> Layout:
    """The layout of a wave whose cohorts have so many epochs to train, those of all their models taken together.

    Single-thread processes, one per core or cohort, unless fewer processes with more threads are clearly faster.
    """
    single = Layout(processes=max(1, min(cores, len(cohorts))), threads=1)
    if cores == 1 or not cohorts:
        return single
    tried: list[Layout] = []
    fewer = ((count, cores // count) for count in _halvings(single.processes))
    for processes, threads in ((single.processes, 1), *((count, each) for count, each in fewer if each > 1)):
        epoch = probe(processes, threads)
        if epoch is None:
            return tried[0] if tried else single
        longest = -(-len(cohorts) // processes) * max(cohorts)
        tried.append(Layout(processes=processes, threads=threads, epoch_seconds=epoch, seconds=longest * epoch))
        if threads == 1 and (tried[0].seconds or 0) < SHORT:
            return tried[0]
    best = min(tried[1:], key=lambda layout: layout.seconds or 0.0, default=tried[0])
    return best if (best.seconds or 0) < CLEARLY * (tried[0].seconds or 0) else tried[0]


def _halvings(processes: int) -> list[int]:
    """The same number, half of it, a quarter ... and 1."""
    found = []
    while processes >= 1:
        found.append(processes)
        processes //= 2
    return found
