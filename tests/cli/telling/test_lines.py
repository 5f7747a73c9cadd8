"""A line for each event that is worth one."""

import pytest

from kdbench import api
from kdbench.cli.telling.lines import Lines
from kdbench.execute.events import (
    Evaluated,
    Exported,
    LaidOut,
    LatencyMeasured,
    LatencyMissing,
    NotExported,
    Planned,
    RunEvent,
    TrialEnded,
)
from kdbench.execute.workers.messages import EpochFinished, Noted
from kdbench.results import Layout, NotMeasured
from kdbench.spec import How
from tests.small import small_suite

PLAN = api.plan(small_suite(seeds=1))
TEACHER, ALONE, KD = PLAN.trials
HOW = How(provider="cpu", threads=1, batch=1)
TIMED = LatencyMeasured(key="k", label="cnn", how=HOW, ratio=1.3149, slice_pairs=40, tie=False)
MISSING = LatencyMissing(what=NotMeasured(architecture="a", how=HOW, reason="no kernels"))


def told(*events: RunEvent, verbose: bool = False) -> list[str | None]:
    lines = Lines(verbose)
    lines.of(Planned(PLAN, frozenset(PLAN.trials)))
    return [lines.of(event) for event in events]


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (TrialEnded(key=KD, status="done", top1=0.9123), "[1/3] kd · mlp(hidden=8) · seed 0: validation top-1 91.23 %"),
        (TrialEnded(key=KD, status="failed", reason="diverged"), "[1/3] kd · mlp(hidden=8) · seed 0: failed: diverged"),
        (NotExported(key=TEACHER, reason="it differs"), "teacher · mlp(hidden=32) · seed 0: failed: it differs"),
        (Evaluated(what="clean images", models=1, of=1), "clean images: 1 file evaluated"),
        (Evaluated(what="clean images", models=1, of=2), None),
        (LaidOut(layout=Layout(processes=2, threads=1)), None),
        (
            LaidOut(layout=Layout(processes=2, threads=1, epoch_seconds=1.0, seconds=60.4)),
            "training in 2 processes x 1 thread, about 60 s",
        ),
        (TIMED, "latency · cnn · cpu, 1 thread, batch 1: 1.31 x the reference (40 slice pairs)"),
        (EpochFinished(key=KD, epoch=1, train_loss=0.5, top1=0.5), None),
        (Exported(key=KD), None),
    ],
)
def test_lines(event: RunEvent, line: str | None) -> None:
    assert told(event) == [line]


def test_verbose_lines() -> None:
    epoch = EpochFinished(key=KD, epoch=1, train_loss=0.5, top1=0.5)
    crashed = TrialEnded(key=KD, status="failed", reason="ValueError: no", traceback="Traceback:\n  at line 3\n")
    assert told(epoch, Exported(key=KD, variant="fp16"), crashed, verbose=True) == [
        "kd · mlp(hidden=8) · seed 0: epoch 1, loss 0.500, 50.0 %",
        "exported · kd · mlp(hidden=8) · seed 0 as fp16",
        "[1/3] kd · mlp(hidden=8) · seed 0: failed: ValueError: no\n    Traceback:\n      at line 3",
    ]


def test_what_repeats_is_told_once() -> None:
    assert told(Noted(text="so"), Noted(text="so"), MISSING, MISSING) == [
        "note: so",
        None,
        "latency · cpu: not measured: no kernels",
        None,
    ]


def test_files_are_counted_over_the_jobs_of_a_condition() -> None:
    half = Evaluated(what="condition noise", models=2, of=4)
    assert told(half, half) == [None, "condition noise: 4 files evaluated"]
