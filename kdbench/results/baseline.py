"""A baseline: what `kdbench check` holds new results against. A folder with one JSON file and the ONNX files."""

import hashlib
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import JsonValue, ValidationError

from kdbench.results.predictions import pack_bits
from kdbench.results.records import ModelFacts
from kdbench.results.result_set import ResultSet, TrialResult
from kdbench.results.store import Store, sha256_of
from kdbench.results.stored import Stored, read_stored
from kdbench.spec import Entry, Problem, Record, Suite, UserError
from kdbench.spec.choice import Several
from kdbench.spec.planning.entry import Role

LATENCY_MARGIN = 0.05  # a shared machine's noise; quiet ones may gate at 3 %


class BaselineError(UserError):
    """The baseline is missing, damaged or does not belong to this suite."""

    exit_code = 5


class BaselineRow(Entry):
    """One trial as it was: its place in the suite, its accuracy, and a hash of which test samples it got right."""

    top1: float
    samples: int
    bits_sha256: str


def title_of(pair: str, role: str, rows: Sequence[str]) -> str:
    """What verdicts call an architecture: `big -> small / student / cross_entropy and 6 more rows`."""
    more = len(rows) - 1
    return f"{pair} / {role} / {rows[0]}" + (f" and {more} more row{'s' * (more > 1)}" if more else "")


class BaselineModel(Record):
    """One deployed architecture as it was: the rows of a pair that deploy it, its counts, and its ONNX file.

    Most students of a pair share one; a loss that deploys more than the student, such as SimKD, has its own.
    """

    pair: str
    role: Role
    rows: Several[str] = ()
    facts: ModelFacts
    onnx: str  # file name in the folder

    @property
    def title(self) -> str:
        return title_of(self.pair, self.role, self.rows)


class Baseline(Stored):
    """The content of `baseline.json`."""

    suite: dict[str, JsonValue]
    rows: Several[BaselineRow]
    models: Several[BaselineModel]
    classes: int = 0  # 0 in baselines of an older kdbench, which are refused
    chance: float | None = None  # see `TrialResult.chance`; none in baselines of an older kdbench
    machine: dict[str, JsonValue]
    frozen: str  # ISO 8601, UTC

    @property
    def spec(self) -> Suite:
        return Suite.model_validate(self.suite)

    @property
    def guessing(self) -> float:
        """Top-1 without looking; where an older kdbench did not record it, that of guessing among the classes."""
        return self.chance or 1 / self.classes

    @property
    def latency_margin(self) -> float:
        """The rise of latency that the suite's gates allow, as a share."""
        rises = [g.may_rise for g in self.spec.gates if g.metric == "latency" and g.may_rise is not None]
        return min(rises, default=LATENCY_MARGIN)


def bits_hash(record_bits: str) -> str:
    """The SHA-256 of packed correctness bits."""
    return hashlib.sha256(record_bits.encode()).hexdigest()


@dataclass(frozen=True)
class DeployedModel:
    """An architecture that rows of a pair deploy, and the first trial that has it."""

    pair: str
    role: Role
    rows: tuple[str, ...]
    result: TrialResult

    @property
    def title(self) -> str:
        return title_of(self.pair, self.role, self.rows)

    @property
    def file(self) -> str:
        """The name of its ONNX file in a baseline."""
        return f"{self.result.key}.onnx"


def moved_pairs(before: Suite, now: Suite) -> dict[str, str]:
    """What pairs of a suite are called now: one without a name goes by its models, and is the same where they change.

    Those that are gone are those that are new, in their order, where they are equally many.
    """
    labels, present = ([pair.label for pair in suite.pairs] for suite in (before, now))
    gone, new = [each for each in labels if each not in present], [each for each in present if each not in labels]
    return dict(zip(gone, new, strict=True)) if len(gone) == len(new) else {}


def follow_pairs(baseline: Baseline, suite: Suite) -> Baseline:
    """The baseline with its pairs called as the suite calls them now."""
    names = moved_pairs(baseline.spec, suite)
    rows = (row.model_copy(update={"pair": names.get(row.pair, row.pair)}) for row in baseline.rows)
    models = (model.model_copy(update={"pair": names.get(model.pair, model.pair)}) for model in baseline.models)
    return baseline.model_copy(update={"rows": tuple(rows), "models": tuple(models)})


def deployed_models(results: ResultSet) -> list[DeployedModel]:
    """Every architecture of each pair and role, in the order of the suite."""
    groups: dict[tuple[str, Role, str], list[tuple[str, TrialResult]]] = {}
    for entry, result in results.done:
        place = entry.pair, entry.role, result.model.architecture
        groups.setdefault(place, []).append((entry.row, result))
    return [
        DeployedModel(pair, role, tuple(dict.fromkeys(row for row, _ in found)), found[0][1])
        for (pair, role, _), found in groups.items()
    ]


def counterparts(model: BaselineModel, results: ResultSet) -> list[DeployedModel]:
    """What the rows of a baseline's architecture deploy now: one where nothing changed, none where no row is done."""
    found = (each for each in deployed_models(results) if (each.pair, each.role) == (model.pair, model.role))
    common = (replace(each, rows=tuple(row for row in model.rows if row in each.rows)) for each in found)
    return [each for each in common if each.rows]


def baseline_of(results: ResultSet) -> Baseline:
    """The baseline that a finished run would freeze to."""
    rows = (
        BaselineRow(
            **entry.model_dump(),
            top1=result.test.top1,
            samples=result.test.samples,
            bits_sha256=bits_hash(pack_bits(result.test.correct)),
        )
        for entry, result in results.done
    )
    models = (
        BaselineModel(pair=each.pair, role=each.role, rows=each.rows, facts=each.result.model, onnx=each.file)
        for each in deployed_models(results)
    )
    return Baseline(
        suite=results.run.suite,
        rows=tuple(rows),
        models=tuple(models),
        classes=next((result.classes for _, result in results.done), 0),
        chance=next((result.chance for _, result in results.done), None),
        machine=results.run.machine,
        frozen=results.run.started,
    )


def freeze(results: ResultSet, store: Store, folder: Path) -> Baseline:
    """Write the baseline of a finished run into a new folder, whole or not at all."""
    if folder.exists():
        raise UserError(f"'{folder}' exists", help="a baseline is never edited: name a new folder, or remove this one")
    if not results.done:
        help = f"run it again: {results.run.again}"
        raise UserError(f"no trial of suite '{results.run.name}' finished: there is nothing to freeze", help=help)
    files = {each.file: store.onnx(each.result.exported.key) for each in deployed_models(results)}
    if lost := [name for name, file in files.items() if not file.is_file()]:
        help = "these are records without their files: run the suite here, then freeze"
        raise UserError(f"'{store.root}' has no ONNX file for trial {lost[0].removesuffix('.onnx')}", help=help)
    baseline = baseline_of(results)
    _write(baseline, files, folder)
    return baseline


def _write(baseline: Baseline, files: Mapping[str, Path], folder: Path) -> None:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise UserError(f"cannot write the baseline '{folder}': {error.strerror}") from error
    try:
        for name, source in files.items():
            shutil.copyfile(source, draft / name)
        (draft / "baseline.json").write_text(baseline.model_dump_json(indent=1) + "\n", "utf-8")
        draft.chmod(0o755)
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def load_baseline(folder: Path, suite: str) -> Baseline:
    """The baseline of a suite in a folder, its ONNX files checked against their hashes."""
    path = folder / "baseline.json"
    help = "freeze one with: kdbench baseline SUITE --to DIR"
    if not path.is_file():
        raise BaselineError(f"no baseline in '{folder}': there is no baseline.json", help=help)
    try:
        baseline = read_stored(path, Baseline, older="freeze a new baseline")
        frozen = baseline.spec.name
    except UserError as error:
        raise BaselineError(Problem(problem.what, help=help) for problem in error.problems) from error
    except ValidationError as error:
        detail = error.errors()[0]
        at = ".".join(map(str, detail["loc"]))
        raise BaselineError(f"damaged baseline '{path}': suite.{at}: {detail['msg']}", help=help) from error
    if frozen != suite:
        raise BaselineError(f"the baseline '{folder}' is of suite '{frozen}', not of '{suite}'", help=help)
    if not baseline.classes:
        text = f"the baseline '{folder}' is of an older kdbench: it does not say which rows deploy which file"
        raise BaselineError(text, help="freeze a new one with the version that will check against it")
    for model in baseline.models:
        file = folder / model.onnx
        if not file.is_file():
            raise BaselineError(f"the baseline '{folder}' lacks its file '{model.onnx}'", help=help)
        if sha256_of(file) != model.facts.onnx_sha256:
            raise BaselineError(f"'{file}' is not the file that was frozen: its SHA-256 differs", help=help)
    return baseline
