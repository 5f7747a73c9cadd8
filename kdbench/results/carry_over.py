"""Carry a results folder of schema 1 over to schema 2: `python -m kdbench.results.carry_over OLD NEW`.

Schema 1 kept a trial's training, export and test in one record, with its teachers' records inside it, and had records
of their own for environments, metrics and variants. Trials get keys of the new form with the old number of the recipe
in their content, so that weights trained under recipe 1 are never taken for those of recipe 2.
"""

import json
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from kdbench.results.keys import artifact_key, evaluation_key, score_name, unnamed
from kdbench.results.records import ArtifactRecord, EvaluationRecord, RunRecord, TrialRecord
from kdbench.results.store import Store, prepare_folder
from kdbench.results.timings import LatencyRecord, ThroughputRecord
from kdbench.spec import NamedChoice, Trial, UserError, content_key
from kdbench.spec.keys import record_content
from kdbench.spec.variants import Fp32, NamedVariant, Variant

OLD_RECIPE = 1
UNSCORED = "schema 1 computed metrics on clean images alone"
VARIANT: TypeAdapter[Variant] = TypeAdapter(NamedVariant)
Json = dict[str, Any]


def carry_over(old: Path, new: Path) -> int:
    """Write what a folder of schema 1 holds into a new folder; returns the number of trials. Raises `UserError`."""
    if not (old / "trials").is_dir():
        raise UserError(f"'{old}' is no results folder: it has no folder 'trials'")
    if (new / "trials").exists():
        raise UserError(f"'{new}' has results already", help="name a folder that does not exist")
    paths = sorted(old.glob("trials/*/trial.json"))
    if any("schema_number" in json.loads(path.read_bytes()) for path in paths):  # schema 1 had no number
        raise UserError(f"'{old}' is not of schema 1: there is nothing to carry over")
    prepare_folder(new, "results")
    move = _Move(old, Store(new))
    for path in paths:
        move.trial(path.parent)
    for record in _records(old / "variants"):
        move.variant(record)
    for folder, kind in ((Store.LATENCY, LatencyRecord), (Store.THROUGHPUT, ThroughputRecord)):
        for path in sorted((old / folder).glob("*.json")):
            move.timing(folder, path, kind)
    for record in _records(old / "suites"):
        move.run(record)
    return len(move.keys)


def _records(folder: Path) -> Iterator[Json]:
    """The records of a folder and of those within it, in the order of their names."""
    for path in sorted(folder.rglob("*.json")):
        yield {"file": path.stem, **json.loads(path.read_bytes())}


@dataclass
class _Move:
    """One carrying over, and what it has found so far."""

    old: Path
    store: Store
    keys: dict[str, str] = field(default_factory=dict)  # of trials: old to new
    taught: set[str] = field(default_factory=set)  # trials with a teacher
    clean: dict[str, Json] = field(default_factory=dict)  # what each artifact predicts of clean images, by new keys
    made: dict[str, str] = field(default_factory=dict)  # variants: old keys to new ones

    def trial(self, folder: Path) -> None:
        """The trial's record and weights, and its exported file as an artifact of its own."""
        was = json.loads((folder / "trial.json").read_bytes())
        trial = _trial(was["trial"])
        key = self.keys[was["key"]] = _key(trial)
        if trial.teachers:
            self.taught.add(was["key"])
        shape, statistics = was["input_shape"], {"mean": was["input_mean"], "std": was["input_std"]}
        task = {"inputs": [{"shape": shape, "dtype": "uint8", **statistics}], "heads": [{"classes": was["classes"]}]}
        same = {name: was[name] for name in ("curve", "selected_epoch", "stopped", "training", "data_sha256")}
        common = {"machine": _machine(was["environment"]), "finished": was["finished"]}
        record = TrialRecord.model_validate(
            {
                **same,
                **common,
                "key": key,
                "trial": trial.model_dump(mode="json"),
                "weights_sha256": was["model"]["weights_sha256"],
                "task": task,
            }
        )
        with self.store.new_trial(key) as draft:
            (draft / Store.TRIAL).write_text(record.model_dump_json(indent=1) + "\n", "utf-8")
            _copy(folder / "weights.safetensors", draft / Store.WEIGHTS)
        exported = {"trial": key, "variant": {"use": "fp32"}, "label": "fp32", "model": was["model"], **common}
        file = artifact_key(key, Fp32())
        self._artifact({**exported, "key": file, "parity": was["parity"], "drift": None}, folder / "model.onnx")
        test = dict(was["test"])
        seconds = test.pop("cpu_seconds")
        seen = {"trial": key, "predictions": test, "cpu_seconds": seconds, "agreement": was["agreement"]}
        self.clean[file] = {**seen, "finished": was["finished"]}

    def variant(self, was: Json) -> None:
        """A variant as an artifact of its trial."""
        if was["trial"] not in self.keys:
            return
        variant, trial = VARIANT.validate_python(was["variant"]), self.keys[was["trial"]]
        key = self.made[was["file"]] = artifact_key(trial, variant, was["environment"].get("cpu_flags"))
        drift = {"largest": was["largest_drift"], "flips": was["flips"], "samples": was["test"]["samples"]}
        self._artifact(
            {
                "key": key,
                "trial": trial,
                "variant": variant.model_dump(mode="json"),
                "label": was["label"],
                "model": was["model"],
                "parity": None,
                "drift": drift,
                "machine": _machine(was["environment"]),
                "finished": was["finished"],
            },
            self.old / "variants" / f"{was['file']}.onnx",
        )
        self.clean[key] = {"trial": trial, "predictions": was["test"], "finished": was["finished"]}

    def _artifact(self, content: Json, onnx: Path) -> None:
        record = ArtifactRecord.model_validate(content)
        with self.store.new_artifact(record.key) as draft:
            (draft / Store.ARTIFACT).write_text(record.model_dump_json(indent=1) + "\n", "utf-8")
            _copy(onnx, draft / Store.ONNX)

    def timing(self, folder: str, path: Path, kind: type[LatencyRecord] | type[ThroughputRecord]) -> None:
        """A latency or a throughput under its old key, which does not depend on the trial."""
        was = json.loads(path.read_bytes())
        was["machine"] = _machine(was.pop("environment"))
        if "trial" in was:
            was["trial"] = self.keys.get(was["trial"], was["trial"])
        self.store.write(folder, path.stem, kind.model_validate(was))

    def run(self, was: Json) -> None:
        """A run, with the evaluations of its trials by its metrics and under its conditions.

        A trial without a record, because it was skipped or has failed, keeps its key.
        """
        done = [self.keys[key] for key, end in was["outcomes"].items() if end["status"] == "done" and key in self.keys]
        files = [artifact_key(trial, Fp32()) for trial in done]
        variants = [self.made[key] for key in was.get("variants", ()) if key in self.made]
        metrics = [NamedChoice.model_validate(metric) for metric in was["suite"].get("metrics", ())]
        evaluations = [
            self._evaluate(file, self.clean[file], metrics, self._scores(was, file)) for file in (*files, *variants)
        ]
        evaluations += self._under_conditions(was, metrics)
        suite = {name: value for name, value in was["suite"].items() if name != "environments"}
        suite |= {"conditions": was["suite"]["environments"], "data": _data(was["suite"]["data"])}
        gone = ("file", "environment", "environments", "metrics", "variants")
        record = RunRecord.model_validate(
            {
                **{name: value for name, value in was.items() if name not in gone},
                "suite": suite,
                "entries": [self._entry(entry, was["entries"]) for entry in was["entries"]],
                "outcomes": {self.keys.get(key, key): end for key, end in was["outcomes"].items()},
                "trained": [self.keys[key] for key in was["trained"]],
                "artifacts": [*files, *variants],
                "evaluations": evaluations,
                "machine": _machine(was["environment"]),
            }
        )
        self.store.write_run(record)

    def _entry(self, was: Json, entries: list[Json]) -> Json:
        """Schema 1 taught in one way alone. A loss whose trials all have no record is taken to need no teacher."""
        taught = any(other["loss"] == was["loss"] and other["key"] in self.taught for other in entries)
        way = "single" if was["role"] == "student" and taught else ""
        return {**was, "teaching": way, "key": self.keys.get(was["key"], was["key"])}

    def _scores(self, run: Json, file: str) -> dict[str, float]:
        """The metrics of a run that were computed of an exported file, as `score_name` calls them."""
        found = {}
        for key in run.get("metrics", ()):
            path = self.old / "metrics" / f"{key}.json"
            was = json.loads(path.read_bytes()) if path.is_file() else None
            if was and artifact_key(self.keys.get(was["trial"], ""), Fp32()) == file:
                found[score_name(NamedChoice.model_validate(was["choice"]))] = was["value"]
        return found

    def _under_conditions(self, run: Json, metrics: list[NamedChoice]) -> list[str]:
        """The environments of a run as evaluations under conditions."""
        found = []
        for key in run.get("environments", ()):
            path = self.old / "environments" / f"{key}.json"
            was = json.loads(path.read_bytes()) if path.is_file() else None
            if was and was["trial"] in self.keys:
                trial = self.keys[was["trial"]]
                seen = {"trial": trial, "predictions": was["test"], "finished": was["finished"]}
                condition = NamedChoice.model_validate(was["choice"])
                found.append(self._evaluate(artifact_key(trial, Fp32()), seen, metrics, {}, condition))
        return found

    def _evaluate(
        self,
        file: str,
        seen: Json,
        metrics: list[NamedChoice],
        scores: Mapping[str, float],
        condition: NamedChoice | None = None,
    ) -> str:
        """Write what was seen of a file as an evaluation; returns its key."""
        unscored = (score_name(metric) for metric in metrics)
        content = {
            "cpu_seconds": None,
            "agreement": None,
            **seen,
            "key": evaluation_key(file, condition, metrics),
            "artifact": file,
            "data": "test",
            "condition": unnamed(condition) if condition else None,
            "head": None,
            "scores": dict(scores),
            "missing": {name: UNSCORED for name in unscored if name not in scores},
        }
        record = EvaluationRecord.model_validate(content)
        self.store.write(Store.EVALUATIONS, record.key, record)
        return record.key


def _trial(was: Json) -> Trial:
    """A trial of schema 1, which held one loss and its teachers whole, as one lesson with their keys."""
    if was["start"] or len(was["teachers"]) > 1:
        raise UserError("a trial of schema 1 names several teachers or a start, which its training did not use")
    teachers = [_key(_trial(teacher)) for teacher in was["teachers"]]
    same = {name: was[name] for name in ("model", "train", "view", "seed")}
    lesson = {"loss": was["loss"], "teachers": teachers}
    return Trial.model_validate({**same, "data": _data(was["data"]), "lessons": [lesson]})


def _data(was: Json) -> Json:
    """A fraction of the training samples, or so many of each class, are parts now."""
    parts = []
    if was["fraction"] != 1.0:
        parts.append({"use": "fraction", "options": {"share": was["fraction"]}})
    if was["per_class"] is not None:
        parts.append({"use": "per_class", "options": {"count": was["per_class"]}})
    return {**{name: was[name] for name in ("dataset", "validation", "split_seed")}, "parts": parts}


def _key(trial: Trial) -> str:
    return content_key({"recipe": OLD_RECIPE, **record_content(trial)})


def _machine(environment: Json) -> Json:
    """The facts of a machine. Its instructions have another name now where they are known to be those that matter.

    Schema 1 did not look for `avx_vnni`: without `avx512_vnni` it is unknown whether 8-bit products saturate.
    """
    known = "avx512_vnni" in environment.get("cpu_flags", ())
    return {"instruction_set" if known and name == "cpu_flags" else name: fact for name, fact in environment.items()}


def _copy(source: Path, target: Path) -> None:
    """Copy a file that a folder may lack: records can be kept without weights and ONNX files."""
    if source.is_file():
        shutil.copyfile(source, target)


def main() -> None:
    """Carry over the folder that is named first to the one that is named second."""
    if len(sys.argv) != 3:
        sys.exit("usage: python -m kdbench.results.carry_over OLD NEW")
    try:
        carry_over(Path(sys.argv[1]), Path(sys.argv[2]))
    except UserError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
