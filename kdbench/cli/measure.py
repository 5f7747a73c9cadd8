"""kdbench measure"""

import math
import re
import shutil
import sys
import time
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from kdbench.cli import complete, options
from kdbench.cli.failure import INTERRUPTED
from kdbench.deploy.runtime.providers import PROVIDERS

if TYPE_CHECKING:
    from kdbench.cli.telling.progress import Telling
    from kdbench.execute.events import RunEvent
    from kdbench.spec import DataSpec

T = TypeVar("T")
BATCH = click.IntRange(min=1, max=65_536)  # the bound of suites, written anew: --help imports no pydantic
SILENCE = 5.0  # seconds without a line, after which the progress of timing is told


def _shape(text: str) -> tuple[int, int, int]:
    """`3x224x224`: channels, height and width."""
    found = re.fullmatch(r"([1-9]\d{0,5})x([1-9]\d{0,5})x([1-9]\d{0,5})", text.strip().lower())
    if not found:
        raise click.BadParameter(f"'{text}' is not a shape; write channels x height x width as 3x224x224")
    return int(found[1]), int(found[2]), int(found[3])


def _margin(text: str) -> float:
    """A finite number over 0."""
    try:
        margin = float(text)
    except ValueError:
        margin = math.nan
    if not 0 < margin < math.inf:
        raise click.BadParameter(f"'{text}' is not a number over 0; write 0.05 for ratios known to 2.5 %")
    return margin


@click.command(
    name="measure",
    epilog=options.examples(
        "kdbench measure a.onnx b.onnx",
        "kdbench measure a.onnx b.onnx --data cifar10 --scale unit --threads 1 --threads 4",
        "kdbench measure a.onnx --shape 3x224x224 --json > measured.json",
    ),
)
@click.argument("models", metavar="MODEL.onnx...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--data",
    metavar="DATASET",
    shell_complete=complete.callables("datasets"),
    help="Measure accuracy on its test split: a name (`kdbench list datasets`), or a suite file with that data.",
)
@click.option(
    "--scale",
    type=click.Choice(["standard", "unit", "raw", "imagenet"]),
    help="How models want the data's pixels: by the training split's mean and SD, bytes over 255, as stored, or by "
    "ImageNet's mean and SD. [default: standard]",
)
@click.option("--shape", type=_shape, metavar="CxHxW", help="Image size, for models of any size measured without data.")
@click.option("--data-root", type=click.Path(path_type=Path, file_okay=False), help="Folder of downloaded datasets.")
@click.option("--batch", "batches", multiple=True, type=BATCH, help="Batch size. [default: 1 and 32]")
@click.option("--threads", multiple=True, type=click.IntRange(min=1), help="Intra-op threads. [default: 1]")
@click.option("--provider", "providers", multiple=True, type=click.Choice(list(PROVIDERS)), help="[default: cpu]")
@click.option(
    "--margin",
    type=_margin,
    metavar="SHARE",
    default="0.05",
    show_default=True,
    help="Ratios are timed until they are known to half of it.",
)
@click.option("--largest-batch", type=BATCH, default=256, show_default=True, help="Of the throughput.")
@click.option("--json", "as_json", is_flag=True, help="Print the raw record as JSON instead of tables.")
@options.plugin_option
@options.telling_options
def command(as_json: bool, **asked: Any) -> int:
    """Measure any ONNX classifiers: cost, latency, throughput, and accuracy where data is given.

    Each model is timed in turns with the first, so that ratios hold on a noisy machine.
    """
    try:
        return _measure(as_json, **asked)
    except KeyboardInterrupt:
        click.echo("\ninterrupted: nothing is kept of a measurement", err=True)
        return INTERRUPTED


def _measure(
    as_json: bool,
    models: tuple[Path, ...],
    data: str | None,
    scale: str | None,
    shape: tuple[int, int, int] | None,
    data_root: Path | None,
    batches: tuple[int, ...],
    threads: tuple[int, ...],
    providers: tuple[Any, ...],
    margin: float,
    largest_batch: int,
    plugins: tuple[str, ...],
    telling: "Telling",
) -> int:
    _refuse_contradictions(data, scale, shape)
    from kdbench import api
    from kdbench.analyze.deployment.measurement import describe_measurement
    from kdbench.cli.telling.progress import follow
    from kdbench.execute.measure import measure_files
    from kdbench.report.measurement import measurement_text
    from kdbench.results.drafts import temporary_folder
    from kdbench.spec import LatencySpec

    asked = LatencySpec(
        batch_sizes=tuple(dict.fromkeys(batches)) or (1, 32),
        threads=tuple(dict.fromkeys(threads)) or (1,),
        providers=tuple(dict.fromkeys(providers)) or ("cpu",),
        margin=margin,
        largest_batch=largest_batch,
    )
    dataset = _find_data(data, plugins) if data else None
    files = tuple(dict.fromkeys(models))
    with (
        temporary_folder() as folder,
        api.place(folder, data=data_root or api.DEFAULT_DATA, workers=1, plugins=plugins) as place,
    ):
        how: dict[str, Any] = {"data": dataset, "scale": scale or "standard", "shape": shape}
        events = measure_files(files, asked, place, **how)
        found = follow(events if telling.quiet else _with_rounds(events), telling=telling)
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else math.inf
    click.echo(found.model_dump_json(indent=1) if as_json else measurement_text(describe_measurement(found), width))
    return 0 if found.latencies or any(model.test for model in found.models) else 6


def _refuse_contradictions(data: str | None, scale: str | None, shape: tuple[int, int, int] | None) -> None:
    from kdbench.spec import UserError

    if data and shape:
        raise UserError("--shape is of made-up images, and --data gives real ones", help="leave one of them out")
    if scale and not data:
        raise UserError(
            f"--scale {scale} says how models want the pixels of --data, and there is none",
            help="give --data DATASET, or leave --scale out",
        )


def _find_data(name: str, plugins: tuple[str, ...]) -> "DataSpec":
    """A dataset by its name, or that of a suite file: there its options have room. Raises `UserError`."""
    from kdbench import api
    from kdbench.spec import UserError
    from kdbench.spec.resolve import resolve_data
    from kdbench.zoo.catalog import Catalog

    if name.endswith(".toml"):
        return api.load_suite(name, plugins).data
    try:
        return resolve_data(name, Catalog(plugins))
    except UserError as error:
        advice = "write it into a suite file, and give that: --data my.toml"
        raise UserError(replace(problem, help=problem.help or advice) for problem in error.problems) from error


def _with_rounds(events: "Generator[RunEvent, None, T]") -> "Generator[RunEvent, None, T]":
    """The same events; on stderr a line on the progress of timing after a long silence."""
    from kdbench.execute.events import FileEvaluated, LatencyMeasured, LatencyMissing, RoundFinished, ThroughputMeasured
    from kdbench.spec.generators import Followed

    last = time.monotonic()
    click.echo("looking at the models ...", err=True)
    followed = Followed(events)
    try:
        for event in followed:
            match event:
                case LatencyMeasured() | LatencyMissing() | FileEvaluated() | ThroughputMeasured():
                    last = time.monotonic()
                case RoundFinished(number=number, most=most) if time.monotonic() > last + SILENCE:
                    click.echo(f"          timing, round {number} of at most {most}", err=True)
                    last = time.monotonic()
            yield event
        return followed.result
    finally:
        events.close()
