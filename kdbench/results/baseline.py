"""A baseline: what `kdbench check` holds new results against. A folder with one JSON file and the ONNX files."""

import hashlib
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from pydantic import JsonValue, ValidationError

from kdbench.results.predictions import pack_bits
from kdbench.results.records import ModelFacts
from kdbench.results.result_set import ResultSet
from kdbench.results.store import Store, sha256_of
from kdbench.results.stored import Stored, read_stored
from kdbench.spec import Problem, Record, Suite, UserError
from kdbench.spec.choice import Several
from kdbench.spec.plan import row_name

LATENCY_MARGIN = 0.05  # a shared machine's noise; quiet ones may gate at 3 %


class BaselineError(UserError):
    """The baseline is missing, damaged or does not belong to this suite."""

    exit_code = 5


class BaselineRow(Record):
    """One trial as it was: its accuracy, and a hash of which test samples it got right."""

    pair: str
    role: str
    model: str
    loss: str
    teaching: str
    seed: int
    key: str
    budget: float = 1.0
    tuned: bool = False
    top1: float
    samples: int
    bits_sha256: str

    @property
    def row(self) -> str:
        """What reports call its row."""
        return row_name(self.loss, self.teaching, self.budget, self.tuned)


class BaselineModel(Record):
    """One architecture as it was: the pair and role it stands for, its counts, and its ONNX file."""

    pair: str
    role: str
    model: str
    facts: ModelFacts
    onnx: str  # file name in the folder


class Baseline(Stored):
    """The content of `baseline.json`."""

    suite: dict[str, JsonValue]
    rows: Several[BaselineRow]
    models: Several[BaselineModel]
    machine: dict[str, JsonValue]
    frozen: str  # ISO 8601, UTC

    @property
    def spec(self) -> Suite:
        return Suite.model_validate(self.suite)

    @property
    def latency_margin(self) -> float:
        """The rise of latency that the suite's gates allow, as a share."""
        rises = [g.may_rise for g in self.spec.gates if g.metric == "latency" and g.may_rise is not None]
        return min(rises, default=LATENCY_MARGIN)


def bits_hash(record_bits: str) -> str:
    """The SHA-256 of packed correctness bits."""
    return hashlib.sha256(record_bits.encode()).hexdigest()


def freeze(results: ResultSet, store: Store, folder: Path) -> Baseline:
    """Write the baseline of a finished run into a new folder, whole or not at all."""
    if folder.exists():
        raise UserError(f"'{folder}' exists", help="a baseline is never edited: name a new folder, or remove this one")
    rows = [
        BaselineRow(
            **entry.model_dump(exclude={"position", "sweep", "settings"}),
            top1=result.test.top1,
            samples=result.test.samples,
            bits_sha256=bits_hash(pack_bits(result.test.correct)),
        )
        for entry, result in results.done
    ]
    firsts: dict[tuple[str, str], BaselineModel] = {}
    files: dict[str, Path] = {}
    for entry, result in results.done:
        if (entry.pair, entry.role) in firsts:
            continue
        if not store.is_exported(result.exported.key):
            help = "these are records without their files: run the suite here, then freeze"
            raise UserError(f"'{store.root}' has no ONNX file for trial {entry.key}", help=help)
        name = f"{entry.key}.onnx"
        files[name] = store.onnx(result.exported.key)
        firsts[entry.pair, entry.role] = BaselineModel(
            pair=entry.pair, role=entry.role, model=entry.model, facts=result.model, onnx=name
        )
    baseline = Baseline(
        suite=results.run.suite,
        rows=tuple(rows),
        models=tuple(firsts.values()),
        machine=results.run.machine,
        frozen=results.run.started,
    )
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
    for model in baseline.models:
        file = folder / model.onnx
        if not file.is_file():
            raise BaselineError(f"the baseline '{folder}' lacks its file '{model.onnx}'", help=help)
        if sha256_of(file) != model.facts.onnx_sha256:
            raise BaselineError(f"'{file}' is not the file that was frozen: its SHA-256 differs", help=help)
    return baseline
