"""A finished run becomes a baseline: a new folder, whole or not at all; or in the place of an earlier one."""

import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from kdbench.results.baselines.baseline import Baseline, BaselineModel, BaselineRow
from kdbench.results.baselines.files import BASELINE, keep_outside
from kdbench.results.baselines.matching import DeployedModel, deployed_models
from kdbench.results.drafts import draft_folder, remove_dead
from kdbench.results.result_set import ResultSet, TrialResult
from kdbench.results.store import Store, write_whole
from kdbench.spec import Entry, UserError

ONNX_NAME = re.compile(r"[0-9a-f]{16}\.onnx")
LARGEST = 20 * 10**6  # bytes of ONNX files in a folder that is committed


def baseline_of(results: ResultSet, *, teachers: bool = False) -> Baseline:
    """The baseline that a run would freeze to; with the ONNX files of `teachers` too, where latency is gated."""
    first = next((result for entry, result in results.done if entry.role == "student"), None)
    variants: dict[str, dict[str, float]] = {}
    for each in results.variants:
        variants.setdefault(each.trial, {})[each.label] = each.test.top1
    baseline = Baseline(
        suite=results.run.suite,
        run=results.run.run_id,
        rows=tuple(_row(entry, result, results, variants.get(result.key, {})) for entry, result in results.done),
        models=(),
        failed=tuple(sorted(results.run.failed | {entry.key for entry, _ in _lost(results)})),
        task=first.record.task if first else None,
        machine=results.run.machine,
        frozen=results.run.started,
    )
    roles = () if baseline.latency_margin is None else ("student", "teacher") if teachers else ("student",)
    models = tuple(_model(each, keep=each.role in roles) for each in deployed_models(results))
    return baseline.model_copy(update={"models": models})


def _row(entry: Entry, result: TrialResult, results: ResultSet, variants: Mapping[str, float]) -> BaselineRow:
    found = {each.label: results.evaluation(result.exported.key, each) for each in results.suite.conditions}
    conditions = {label: each.predictions for label, each in found.items() if each}
    corruptions = [conditions.get(each.label) for each in results.suite.corruptions]
    right = [result.test.correct, *(each.correct for each in corruptions if each)]
    whole = bool(corruptions) and len(right) == 1 + len(corruptions)
    return BaselineRow(
        **entry.model_dump(),
        test=result.test,
        chance=result.chance,
        conditions={label: each.top1 for label, each in conditions.items()},
        right_everywhere=float(np.logical_and.reduce(right).mean()) if whole else None,
        variants=dict(variants),
        training_seconds=result.alone_seconds,
        data_sha256=result.record.data_sha256,
    )


def _model(deployed: DeployedModel, *, keep: bool) -> BaselineModel:
    facts = deployed.result.model
    onnx = f"{facts.onnx_sha256[:16]}.onnx" if keep else None
    return BaselineModel(pair=deployed.pair, role=deployed.role, rows=deployed.rows, facts=facts, onnx=onnx)


def lacking(results: ResultSet) -> list[str]:
    """What a baseline of the run would lack, with the reasons."""
    return [f"{entry.pair} / {entry.title}, seed {entry.seed}: {reason}" for entry, reason in _lost(results)]


def _lost(results: ResultSet) -> Iterator[tuple[Entry, str | None]]:
    """Trials of its rows that failed, and records that are no longer there.

    What is skipped, such as a loss that cannot serve a pair, is skipped in every run of the suite.
    """
    for entry in results.run.entries:
        outcome = results.run.outcomes.get(entry.key)
        skipped = outcome is not None and outcome.status == "skipped"
        if entry.role in ("teacher", "student") and entry.key not in results.trials and not skipped:
            reason = outcome.reason if outcome and outcome.status == "failed" else "its record is not in the store"
            yield entry, reason


def freeze(
    results: ResultSet,
    store: Store,
    folder: Path,
    *,
    teachers: bool = False,
    outside: str = "",
    largest: int = LARGEST,
    replace: bool = False,
) -> Baseline:
    """Write the baseline of a finished run into a new folder; with `replace` into that of an earlier baseline, too.

    Raises `UserError` where the ONNX files take more than `largest` bytes, unless they are kept `outside`: in a folder
    or at a URL of fsspec.
    """
    earlier = replace and (folder / BASELINE).is_file()
    if folder.exists() and not earlier:
        help = "name a new folder" + ("" if replace else ", or --replace the baseline that is in it")
        raise UserError(f"'{folder}' exists" + (" and holds no baseline" if replace else ""), help=help)
    if not any(entry.role == "student" for entry, _ in results.done):
        help = f"run it again: {results.run.again}"
        raise UserError(f"no student of suite '{results.run.name}' finished: there is nothing to freeze", help=help)
    baseline = baseline_of(results, teachers=teachers)
    files = _files(baseline, results, store)
    if outside:
        baseline = baseline.model_copy(update={"files": keep_outside(files, outside, folder)})
        files = {}
    elif (total := sum(file.stat().st_size for file in files.values())) > largest:
        raise UserError(
            f"{len(files)} ONNX files take {total / 1e6:,.1f} MB, more than {largest / 1e6:,.1f} MB",
            help="keep them elsewhere with --files, or raise --max-size; without a gate of latency none is kept",
        )
    (_replace if earlier else _write)(baseline, files, folder)
    return baseline


def refuse_part(results: ResultSet) -> None:
    """Raise `UserError` where a run is of a part of its suite, or lacks trials.

    To run it again brings back a record that is gone, and no trial that failed: most fail as they did.
    """
    run = results.run
    if run.part:
        help = "leave --run out for the latest run of the whole suite, or give --part"
        raise UserError(f"the run {run.run_id} is of a part of its suite: {run.part}", help=help)
    if lost := lacking(results):
        more = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
        text = f"the run {run.run_id} of '{run.name}' is not whole: {lost[0]}{more}"
        again = f"change what failed or leave it out of the suite, or try it once more ({run.again} --retry-failed)"
        help = again if run.failed else f"run it again ({run.again})"
        raise UserError(text, help=f"{help}; or give --part to freeze what there is")


def _files(baseline: Baseline, results: ResultSet, store: Store) -> dict[str, Path]:
    """The ONNX files that the baseline keeps, by their names in it."""
    sources = {each.result.model.onnx_sha256: each.result for each in deployed_models(results)}
    found = {model.onnx: sources[model.facts.onnx_sha256] for model in baseline.models if model.onnx}
    return {name: store.exported(result.exported.artifact) for name, result in found.items()}


def _write(baseline: Baseline, files: Mapping[str, Path], folder: Path) -> None:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        remove_dead(folder.parent, folder.name)
        with draft_folder(folder.parent, folder.name) as draft:
            for name, source in files.items():
                shutil.copyfile(source, draft / name)
            (draft / BASELINE).write_text(_content(baseline), "utf-8")
            draft.chmod(0o755)
            draft.rename(folder)
    except OSError as error:
        raise UserError(f"cannot write the baseline '{folder}': {error.strerror}") from error


def _replace(baseline: Baseline, files: Mapping[str, Path], folder: Path) -> None:
    """Until `baseline.json` is replaced, all files of the earlier baseline are there: each is named by its content."""
    try:
        for name, source in files.items():
            write_whole(folder / name, source.read_bytes())
        write_whole(folder / BASELINE, _content(baseline))
        for path in folder.glob("*.onnx"):
            if path.name not in files and ONNX_NAME.fullmatch(path.name):
                path.unlink()
    except OSError as error:
        raise UserError(f"cannot write the baseline '{folder}': {error.strerror}") from error


def _content(baseline: Baseline) -> str:
    return baseline.model_dump_json(indent=1) + "\n"
