"""kdbench export"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kdbench.cli import complete, options
from kdbench.cli.records.edited import results_of

if TYPE_CHECKING:
    from kdbench.api import Results

FORMATS = ("csv", "parquet", "json")


@click.command(
    name="export",
    epilog=options.examples(
        "kdbench export fashion --to model                    # the student that the report recommends",
        "kdbench export fashion --loss kd --variant int8_static --to model",
        "kdbench export fashion --format csv --to figures     # every figure, as tables",
    ),
)
@options.stored_suite_argument
@click.option("--to", "folder", type=click.Path(path_type=Path), help="New folder. [default: exports/SUITE]")
@click.option("--format", "kind", type=click.Choice(FORMATS), help="Export the figures, as tables, and no model.")
@click.option(
    "--pair", shell_complete=complete.pairs, help="A pair of the suite.  [default: the recommended student's]"
)
@click.option("--loss", shell_complete=complete.losses, help="A row of its report.  [default: the recommended student]")
@click.option("--variant", help="A variant, or fp32.  [default: the recommended one]")
@click.option("--seed", type=click.IntRange(min=0), help="A seed.  [default: the best on validation]")
@options.run_option
@options.results_option
@options.json_option
def command(
    suite: str, folder: Path | None, kind: str | None, run: str | None, results: Path, as_json: bool, **asked: Any
) -> None:
    """Export the model to ship: ONNX file, preprocessing, labels, model card and checksums. Or all figures.

    Refused where the report says that there is nothing to ship, unless --loss names a student.
    """
    from kdbench.cli.telling.ending import tell_lost
    from kdbench.results import Store

    store, found = Store(results), results_of(suite, results, run)
    tell_lost(found.records)
    target = folder or Path("exports") / found.records.run.name
    files = _figures(found, kind) if kind else _model(found, store, asked)
    _write(files, target)
    if as_json:
        click.echo(json.dumps({"folder": str(target), "files": sorted(files)}))
    else:
        click.echo("\n".join(str(target / name) for name in sorted(files)))


def _model(found: "Results", store: Any, asked: Mapping[str, Any]) -> dict[str, bytes]:
    """The files of one model, by name."""
    from kdbench.analyze import recommend
    from kdbench.analyze.decisions.deployable import Asked, deployable
    from kdbench.report.card import labels, model_card, preprocessing

    told = recommend(found.summary)
    chosen = deployable(found.records, found.summary, told, Asked(**asked))
    model = store.exported(chosen.file.artifact).read_bytes()
    record = chosen.trial.record
    texts = {
        "preprocessing.json": json.dumps(preprocessing(record), indent=1) + "\n",
        "labels.txt": "\n".join(labels(record)) + "\n",
        "README.md": model_card(found.summary, told, chosen),
    }
    files = {"model.onnx": model, **{name: text.encode() for name, text in texts.items()}}
    sums = "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in files.items())
    return {**files, "SHA256SUMS": sums.encode()}


def _figures(found: "Results", kind: str) -> dict[str, bytes]:
    """Every table of figures, by the name of its file."""
    from kdbench.spec import UserError

    files: dict[str, bytes] = {}
    frames = {
        "frame": found.frame,
        "gains": found.gains,
        "latencies": found.latencies,
        "curves": found.curves,
        "conditions": found.conditions,
    }
    for name, frame_of in frames.items():
        frame = frame_of()
        match kind:
            case "csv":
                content = frame.to_csv(index=False).encode()
            case "json":
                content = frame.to_json(orient="records", indent=1).encode()
            case _:
                try:
                    content = frame.to_parquet(index=False)
                except ImportError as error:
                    help = "pip install 'kdbench[parquet]', or choose csv or json"
                    raise UserError("--format parquet needs the package pyarrow", help=help) from error
        files[f"{name}.{kind}"] = content
    return files


def _write(files: Mapping[str, bytes], folder: Path) -> None:
    """A new folder with these files, whole or not at all."""
    from kdbench.results.drafts import draft_folder, remove_dead
    from kdbench.spec import UserError

    if folder.exists():
        raise UserError(f"'{folder}' exists", help="name a new folder with --to, or remove this one")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        remove_dead(folder.parent, folder.name)
        with draft_folder(folder.parent, folder.name) as draft:
            for name, content in files.items():
                (draft / name).write_bytes(content)
            draft.chmod(0o755)
            draft.rename(folder)
    except OSError as error:
        raise UserError(f"cannot write '{folder}': {error.strerror}") from error
