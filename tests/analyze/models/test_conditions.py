"""Shares that stay right under every condition, by hand on four samples."""

import numpy as np
import pytest

from kdbench.analyze import summarize
from kdbench.results.predictions import Predictions
from kdbench.statistics.crossed import crossed_estimate
from tests.records import Shape, edited, make_results, predictions

ASKED = ("noise", "blur")
# Four test samples, right (1) or not: as they are, in noise, in blur; for seeds 0 and 1.
BITS = {
    ("cross_entropy", "clean"): ("1110", "1100"),
    ("cross_entropy", "noise"): ("1100", "1001"),
    ("cross_entropy", "blur"): ("1011", "1100"),
    ("kd", "clean"): ("1111", "1101"),
    ("kd", "noise"): ("1110", "1101"),
    ("kd", "blur"): ("0111", "1101"),
}


def bits(text):
    return np.array([letter == "1" for letter in text])


def made():
    """The results of one pair with these bits; the teacher's are those of the factory, of four samples."""
    results = make_results(Shape(seeds=2, samples=4, conditions=ASKED))
    students = {e.key: e for e in results.run.entries if e.role == "student"}

    def predict(record):
        entry = students.get(record.trial)
        if entry is None:
            return record
        right = bits(BITS[entry.loss, name_of(record)][entry.seed])
        return record.model_copy(update={"predictions": Predictions(**predictions(right))})

    return edited(results, evaluations=predict)


def name_of(record):
    """What the suite calls the condition of an evaluation."""
    uses = {"gaussian_noise": "noise", "gaussian_blur": "blur"}
    return uses[record.condition["use"]] if record.condition else "clean"


def rows(results):
    return {(row.role, row.row): row for row in summarize(results).conditions}


def test_right_everywhere_is_the_samples_right_as_they_are_and_under_each_condition() -> None:
    found = rows(made())
    # Alone: seed 0 1110 & 1100 & 1011 = 1000, seed 1 1100 & 1001 & 1100 = 1000. kd: 0110 and 1101.
    assert found["student", "cross_entropy"].stable.values == (0.25, 0.25)
    assert found["student", "kd"].stable.values == (0.5, 0.75)
    assert found["student", "kd"].against_alone.estimate.values == (0.25, 0.5)
    assert found["student", "cross_entropy"].against_alone is None
    assert found["teacher", "cross_entropy"].against_alone is None
    # Samples are paired as well: kd's 0110 and 1101 less 1000 and 1000.
    table = np.array([[-1, 1, 1, 0], [0, 1, 0, 1]])
    assert found["student", "kd"].against_alone.estimate == crossed_estimate(table)


def test_top1_under_each_condition() -> None:
    kd = rows(made())["student", "kd"]
    assert kd.clean.values == (1.0, 0.75)
    assert {name: each.values for name, each in kd.top1.items()} == {"noise": (0.75, 0.75), "blur": (0.75, 0.75)}
    assert kd.lacking == {}


def test_a_seed_without_one_environment_has_no_share_and_is_counted() -> None:
    results = made()
    key = next(e.key for e in results.run.entries if (e.role, e.loss, e.seed) == ("student", "kd", 1))
    kept = edited(results, evaluations=lambda r: None if (r.trial, name_of(r)) == (key, "blur") else r)
    kd = rows(kept)["student", "kd"]
    assert kd.stable.values == (0.5,)
    assert kd.against_alone.seeds == (0,)
    assert kd.lacking == {"blur": 1}
    assert kd.top1["blur"].values == (0.75,)


def test_an_environment_that_nobody_was_evaluated_in_is_no_part_of_everywhere() -> None:
    kd = rows(edited(made(), evaluations=lambda r: None if name_of(r) == "blur" else r))["student", "kd"]
    assert kd.stable.values == (0.75, 0.75)  # 1111 & 1110, 1101 & 1101
    assert set(kd.top1) == {"noise"}


@pytest.mark.parametrize("asked", [(), ASKED])
def test_without_records_there_are_no_rows(asked) -> None:
    clean = edited(make_results(Shape(conditions=asked)), evaluations=lambda r: None if r.condition else r)
    assert rows(clean) == {}
