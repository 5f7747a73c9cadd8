"""One reading function for all records: what it cannot read it refuses in one sentence, with file and field."""

import json
import re
from pathlib import Path

import pytest

from kdbench.results import TrialRecord
from kdbench.results.stored import CARRY_OVER, SCHEMA, Keyed, Stored, read_stored
from kdbench.results.timings import LatencyRecord
from kdbench.spec import UserError
from tests.records import latency_record, make_results


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    for record in (latency_record(), *make_results().records.values()):
        path = tmp_path / f"{record.key if isinstance(record, TrialRecord) else 'latency'}.json"
        path.write_text(record.model_dump_json())
        assert read_stored(path, type(record)) == record


def test_a_record_of_schema_1_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"key": "x", "environment": {}}')  # schema 1 had no number
    with pytest.raises(UserError, match=r"x\.json' has schema 1, and this kdbench reads schema 2") as refused:
        read_stored(tmp_path / "x.json", TrialRecord)
    assert refused.value.problems[0].help == CARRY_OVER


def test_a_record_of_a_later_schema_is_refused_with_what_to_do(tmp_path: Path) -> None:
    content = latency_record().model_dump(mode="json") | {"schema_number": SCHEMA + 1, "unknown": 1}
    (tmp_path / "x.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"has schema 3, and this kdbench reads schema 2") as refused:
        read_stored(tmp_path / "x.json", LatencyRecord)
    assert refused.value.problems[0].help == "install a newer kdbench"


@pytest.mark.parametrize(
    ("content", "where"),
    [
        (latency_record().model_dump(mode="json") | {"calls": "many"}, "calls: Input should be a valid integer"),
        (latency_record().model_dump(mode="json") | {"how": {}}, "how.provider: Field required"),
        (None, "the whole file: Invalid JSON"),
    ],
)
def test_what_is_damaged_names_file_and_field(tmp_path: Path, content: object, where: str) -> None:
    (tmp_path / "x.json").write_text(json.dumps(content) if content else "{half")
    with pytest.raises(UserError, match=f"x.json' is damaged: {where}"):
        read_stored(tmp_path / "x.json", LatencyRecord)


TRIAL = next(iter(make_results().records.values()))
EVALUATION = next(iter(make_results().evaluations.values()))
ARTIFACT = next(iter(make_results().artifacts.values()))
BITS = EVALUATION.predictions.model_dump(mode="json")


@pytest.mark.parametrize(
    ("record", "changes", "what"),
    [
        (TRIAL, {"selected_epoch": 99}, "its curve has no epoch 99"),
        (TRIAL, {"trial": {**TRIAL.trial.model_dump(mode="json"), "seed": 77}}, f"{TRIAL.key} is not the key of its"),
        (TRIAL, {"weights_sha256": "../../etc/passwd"}, "weights_sha256: String should match pattern"),
        (TRIAL, {"curve": []}, "curve: Tuple should have at least 1 item"),
        (TRIAL, {"curve": 2 * [TRIAL.curve[-1].model_dump(mode="json")]}, "the samples of its curve do not rise"),
        (EVALUATION, {"agreement": {"top1": 7, "kl": 0.1}}, "agreement.top1: Input should be less than or equal to 1"),
        (EVALUATION, {"scores": {"macro_f1": float("nan")}}, "scores.macro_f1: Input should be a finite number"),
        (
            EVALUATION,
            {"predictions": {**BITS, "correct_bits": BITS["correct_bits"][:-8]}},
            "correct_bits are not",
        ),
        (EVALUATION, {"predictions": {**BITS, "correct_bits": "%" + BITS["correct_bits"][1:]}}, "correct_bits are not"),
        (EVALUATION, {"predictions": {**BITS, "correct_bits": "AAAA" + BITS["correct_bits"][4:]}}, "by confidence"),
        (EVALUATION, {"artifact": "../../elsewhere"}, "artifact: String should match pattern"),
        (ARTIFACT, {"variant": {}}, "Unable to extract tag using discriminator 'use'"),
        (latency_record(), {"calls": 10**400}, "calls: Input should be less than"),
        (latency_record(), {"call_microseconds": [0.0]}, "call_microseconds.0: Input should be greater than 0"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, record: Stored, changes: dict[str, object], what: str) -> None:
    path = tmp_path / f"{record.key if isinstance(record, Keyed) else 'latency'}.json"
    path.write_text(json.dumps(record.model_dump(mode="json") | changes))
    with pytest.raises(
        UserError, match=f"{path.name}' is damaged: (the whole file: |predictions: )?.*{re.escape(what)}"
    ):
        read_stored(path, type(record))


def test_a_record_in_the_place_of_another_is_refused(tmp_path: Path) -> None:
    path = tmp_path / f"{'0' * 16}.json"
    path.write_text(TRIAL.model_dump_json())
    with pytest.raises(UserError, match=f"is not where it belongs: it is the record of {TRIAL.key}"):
        read_stored(path, TrialRecord)


def test_times_in_the_place_of_others_are_refused_where_they_tell_their_key(tmp_path: Path) -> None:
    path = tmp_path / f"{'0' * 16}.json"
    path.write_text(latency_record().model_dump_json(exclude={"key"}))
    assert read_stored(path, LatencyRecord).key is None
    path.write_text(latency_record(key="1" * 16).model_dump_json())
    with pytest.raises(UserError, match=f"is not where it belongs: it is the record of {'1' * 16}"):
        read_stored(path, LatencyRecord)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot read '.*x\.json': No such file"):
        read_stored(tmp_path / "x.json", TrialRecord)
