"""Processes times threads: what is probed, what is chosen, and that little is not enough to change."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdbench.execute.training.processes import CLEARLY, SHORT, choose_layout
from kdbench.results import Layout

LONG = 100  # epochs: a wave worth a probe, where an epoch takes a second


class Probe:
    """An epoch takes so many seconds with so many threads; none where it does not train."""

    def __init__(self, **seconds: float | None) -> None:
        self.seconds = {int(threads[1:]): value for threads, value in seconds.items()}
        self.tried: list[tuple[int, int]] = []

    def __call__(self, processes: int, threads: int) -> float | None:
        self.tried.append((processes, threads))
        return self.seconds[threads]


def how(layout: Layout) -> tuple[int, int]:
    return layout.processes, layout.threads


def test_single_threads_unless_more_are_clearly_faster() -> None:
    probe = Probe(t1=1.0, t2=0.5, t4=0.25)  # as good as threads can scale, with four cohorts to train: no gain
    chosen = choose_layout([LONG] * 4, 4, probe)
    assert probe.tried == [(4, 1), (2, 2), (1, 4)]
    assert how(chosen) == (4, 1)
    assert (chosen.epoch_seconds, chosen.seconds) == (1.0, 100.0)


@pytest.mark.parametrize(("slower", "expected"), [(0.99, (1, 4)), (1.01, (4, 1))])
def test_clearly_is_a_share_of_the_single_threads_time(slower: float, expected: tuple[int, int]) -> None:
    four = slower * CLEARLY / 4  # of the seconds that an epoch takes now, in one process for four cohorts
    assert how(choose_layout([LONG] * 4, 4, Probe(t1=1.0, t2=2.0, t4=four))) == expected


def test_cores_that_would_be_idle_are_used() -> None:
    probe = Probe(t4=0.4, t1=1.0)
    chosen = choose_layout([LONG], 4, probe)
    assert probe.tried == [(1, 1), (1, 4)]
    assert how(chosen) == (1, 4)
    assert chosen.seconds == pytest.approx(40)


def test_no_more_processes_than_cohorts() -> None:
    probe = Probe(t1=1.0, t2=0.5, t8=1.0)
    assert how(choose_layout([LONG] * 3, 8, probe)) == (3, 2)
    assert probe.tried == [(3, 1), (3, 2), (1, 8)]


def test_the_last_round_counts() -> None:
    # Five cohorts on four cores: two rounds of single threads, or three of two threads at 0.5 s an epoch.
    chosen = choose_layout([LONG] * 5, 4, Probe(t1=1.0, t2=0.5, t4=0.5))
    assert how(chosen) == (2, 2)
    assert chosen.seconds == pytest.approx(3 * LONG * 0.5)


def test_a_short_wave_is_probed_once() -> None:
    probe = Probe(t1=SHORT / LONG * 0.9)
    chosen = choose_layout([LONG], 4, probe)
    assert probe.tried == [(1, 1)]
    assert how(chosen) == (1, 1)
    assert chosen.seconds == pytest.approx(0.9 * SHORT)


def test_one_core_and_no_cohort_need_no_probe() -> None:
    probe = Probe()
    assert how(choose_layout([LONG] * 3, 1, probe)) == (1, 1)
    assert how(choose_layout([], 4, probe))[1] == 1
    assert probe.tried == []


def test_what_does_not_train_is_laid_out_all_the_same() -> None:
    assert choose_layout([LONG] * 2, 4, Probe(t1=None)) == Layout(processes=2, threads=1)
    late = choose_layout([LONG] * 2, 4, Probe(t1=1.0, t2=None))
    assert (how(late), late.epoch_seconds) == ((2, 1), 1.0)


@given(
    st.lists(st.integers(1, 500), max_size=12),
    st.integers(1, 64),
    st.lists(st.floats(1e-3, 1e3), min_size=8, max_size=8),
)
def test_any_layout_fits_the_cores_and_is_what_was_probed(
    cohorts: Sequence[int], cores: int, seconds: Sequence[float]
) -> None:
    tried: dict[tuple[int, int], float] = {}

    def probe(processes: int, threads: int) -> float:
        assert processes * threads <= cores
        assert processes <= len(cohorts)
        tried[processes, threads] = seconds[len(tried)]
        return tried[processes, threads]

    chosen = choose_layout(cohorts, cores, probe)
    assert chosen.processes * chosen.threads <= cores
    if tried:
        assert chosen.epoch_seconds == tried[how(chosen)]
    assert len(tried) <= 8  # a probe costs a second or so
