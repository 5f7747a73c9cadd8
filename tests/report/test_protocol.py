"""What the report says about how models were trained: views, mixup, precision, layouts, and what went otherwise."""

from dataclasses import replace

import pytest

from kdbench.analyze import summarize
from kdbench.report import render_report
from kdbench.report.protocol import machine, protocol
from kdbench.results import Layout
from tests.records import Shape, make_results

FLIP = [{"use": "flip", "options": {}}]


def facts(train=None, teacher_train=None, **run):
    """The protocol of a run whose suite has this recipe."""
    results = make_results(Shape(epochs=5))
    suite = results.run.suite | {"train": {"epochs": 5} | (train or {}), "teacher_train": teacher_train}
    changed = results.run.model_copy(update={"suite": suite, **run})
    return dict(protocol(summarize(replace(results, run=changed))))


@pytest.mark.parametrize(
    ("train", "words"),
    [
        ({"augment": FLIP}, "fresh: every seed draws its own views in every epoch"),
        ({"augment": FLIP, "views": "bank"}, "bank: 10 views per sample, from which every seed takes its own"),
        (
            {"augment": FLIP, "views": "bank", "bank": 7},
            "bank: 7 views per sample, from which every seed takes its own",
        ),
        (
            {"augment": FLIP, "views": "shared"},
            "shared: one view per epoch, the same for all seeds; intervals do not include how views vary",
        ),
        ({}, "static: no augmentation, so every epoch of every seed shows the same images"),
        ({"views": "shared"}, "static: no augmentation, so every epoch of every seed shows the same images"),
        ({"mixup": 0.2}, "fresh: every seed draws its own views in every epoch"),
    ],
)
def test_the_view_schedule_in_plain_words(train, words):
    assert facts(train)["View schedule"] == words


def test_the_tuning_is_told():
    assert facts()["Tuning"] == "none: every row has the settings that the suite gives it"
    results = make_results(Shape(epochs=5))
    tuning = {"trials": 6, "epochs": 3, "lr": {"range": [0.01, 0.1], "scale": "log"}}
    suite = results.run.suite | {"tuning": tuning}
    changed = results.run.model_copy(update={"suite": suite})
    told = dict(protocol(summarize(replace(results, run=changed))))["Tuning"]
    assert told.startswith("6 tries of 3 epochs for the student alone and each loss, quasi-random, with seed 1000; ")
    assert "learning rates from 0.01 to 0.1," in told


def test_mixup_is_told():
    assert facts()["Mixup"] == "none"
    assert facts({"mixup": 0.2})["Mixup"] == "each image and label is mixed with another sample's, alpha 0.2"


def test_precision_is_never_silent():
    half = "bfloat16 in the model's own forward pass (autocast), else float32"
    assert facts()["Precision"] == "float32"
    assert facts({"precision": "bfloat16"})["Precision"] == half
    assert facts({"precision": "bfloat16"}, {"epochs": 5})["Precision"] == f"students: {half}; teachers: float32"


def test_what_is_decayed_is_told_where_it_is_not_all():
    assert "(lr 0.05, momentum 0.9, weight_decay 0.0005), " in facts()["Student's training"]
    told = facts({"optimizer": {"use": "sgd", "decay": "weights"}})["Student's training"]
    assert "weight_decay 0.0005, weight decay of weights alone), " in told


def test_a_recipe_of_the_teachers_own_has_its_own_words():
    told = facts({"augment": FLIP, "views": "bank"}, {"epochs": 9, "mixup": 0.4, "augment": FLIP})
    assert told["View schedule"] == (
        "students: bank: 10 views per sample, from which every seed takes its own; "
        "teachers: fresh: every seed draws its own views in every epoch"
    )
    assert told["Mixup"].startswith("students: none; teachers: each image")


def test_layouts_are_told_wave_by_wave_with_what_the_probe_found():
    probed = Layout(processes=2, threads=4, epoch_seconds=1.5, seconds=150.0)
    assert facts(layouts=(Layout(processes=1, threads=1), probed))["Processes and threads"] == (
        "wave 1 of 2: 1 process × 1 thread, without a probe; wave 2 of 2: 2 processes × 4 threads, chosen by a probe: "
        "an epoch of one model took 1.50 s with all of them busy, which predicts 2 min 30 s for the wave"
    )
    assert facts(layouts=(probed,))["Processes and threads"].startswith("2 processes × 4 threads, chosen")


def test_a_run_that_trained_nothing_tells_the_layout_of_its_records():
    assert facts()["Processes and threads"] == "nothing was trained in this run; earlier: 2 processes × 1 thread"


def test_what_did_not_go_as_asked_is_shown_and_escaped(tmp_path):
    results = make_results()
    note = "no room for <the> cache | the teacher was asked live"
    for notes, shown in (((note,), True), ((), False)):
        run = results.run.model_copy(update={"notes": notes})
        html, markdown = render_report(summarize(replace(results, run=run)), tmp_path)
        assert ("no room for &lt;the&gt; cache | the teacher" in html.read_text("utf-8")) == shown
        assert (r"- no room for &lt;the&gt; cache \| the teacher" in markdown.read_text("utf-8")) == shown
        assert ("Not done as asked" in html.read_text("utf-8")) == shown


def test_what_the_machine_did_not_tell_has_its_reason():
    results = make_results()
    told = {
        "governor": None,
        "caches": None,
        "instruction_set": ["avx2", "fma"],
        "unknown": {"governor": "no such file"},
    }
    shown = dict(machine(summarize(replace(results, run=results.run.model_copy(update={"machine": told})))))
    assert shown["Frequency governor"] == "unknown (no such file)"
    assert shown["Caches"] == "unknown"  # a record of an older kdbench
    assert shown["Instruction set"] == "avx2, fma"


def test_teachers_that_were_trained_elsewhere_are_told_with_their_weights() -> None:
    results = make_results(Shape(pairs=(("big", "small"), ("huge", "small"))))

    def told(*weights: object) -> str:
        suite = results.run.suite
        pairs = [
            pair | {"teacher": pair["teacher"] | {"weights": each}}
            for pair, each in zip(suite["pairs"], weights, strict=True)  # type: ignore[call-overload]
        ]
        changed = results.run.model_copy(update={"suite": suite | {"pairs": pairs}})
        return dict(protocol(summarize(replace(results, run=changed))))["Teacher's training"]

    file = {"file": "/home/me/t.pth", "sha256": "0123456789abcdef" * 4, "pixels": "unit"}
    here = "none here, trained elsewhere: t.pth (SHA-256 0123456789abcdef ...), pixels unit"
    assert told(None, None) == "as the student's"
    assert told(None, file) == f"as the student's; {here}"
    assert told(file, file) == here
    tuned = here.replace("none here, trained elsewhere:", "begins with")
    assert told(file | {"tune": True}, None) == f"as the student's; {tuned}"
    assert told(file, {"published": "V1"}) == f"{here}; none here, trained elsewhere: V1, pixels imagenet"
