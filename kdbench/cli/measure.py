"""kdbench measure"""

import re
import tempfile
from pathlib import Path
from typing import Any

import click

from kdbench.cli import options
from kdbench.deploy.providers import PROVIDERS


def _shape(text: str) -> tuple[int, int, int]:
    """`3x224x224`: channels, height and width."""
    found = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)x([1-9]\d*)", text.strip().lower())
    if not found:
        raise click.BadParameter(f"'{text}' is not a shape; write channels x height x width as 3x224x224")
    return int(found[1]), int(found[2]), int(found[3])


@click.command(name="measure")
@click.argument("models", metavar="MODEL.onnx...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--data", metavar="DATASET", help="Measure accuracy on its test split (`kdbench list datasets`).")
@click.option(
    "--scale",
    type=click.Choice(["standard", "unit", "raw"]),
    default="standard",
    show_default=True,
    help="How models want the data's pixels: by the training split's mean and SD, from 0 to 1, or as stored.",
)
@click.option("--shape", type=_shape, metavar="CxHxW", help="Image size, for models of any size measured without data.")
@click.option("--data-root", type=click.Path(path_type=Path, file_okay=False), help="Folder of downloaded datasets.")
@click.option("--batch", "batches", multiple=True, type=click.IntRange(min=1), help="Batch size. [default: 1 and 32]")
@click.option("--threads", multiple=True, type=click.IntRange(min=1), help="Intra-op threads. [default: 1]")
@click.option("--provider", "providers", multiple=True, type=click.Choice(list(PROVIDERS)), help="[default: cpu]")
@click.option(
    "--margin",
    type=click.FloatRange(min=0, min_open=True),
    default=0.05,
    show_default=True,
    help="Ratios are timed until they are known to half of it.",
)
@click.option("--largest-batch", type=click.IntRange(min=1), default=256, show_default=True, help="Of the throughput.")
@click.option("--json", "as_json", is_flag=True, help="Print the raw record as JSON instead of Markdown tables.")
@options.plugin_option
def command(
    models: tuple[Path, ...],
    data: str | None,
    scale: str,
    shape: tuple[int, int, int] | None,
    data_root: Path | None,
    batches: tuple[int, ...],
    threads: tuple[int, ...],
    providers: tuple[Any, ...],
    margin: float,
    largest_batch: int,
    as_json: bool,
    plugins: tuple[str, ...],
) -> int:
    """Measure any ONNX classifiers: cost, latency, throughput, and accuracy where data is given.

    Each model is timed in turns with the first, so that ratios hold on a noisy machine.
    """
    from kdbench import api
    from kdbench.analyze.latency import timing_settled
    from kdbench.analyze.measured import describe_measurement
    from kdbench.cli.progress import follow
    from kdbench.execute.measure import measure_files
    from kdbench.report.measurement import measurement_markdown
    from kdbench.spec import LatencySpec
    from kdbench.spec.plan import resolve_data
    from kdbench.zoo.catalog import Catalog

    asked = LatencySpec(
        batch_sizes=batches or (1, 32),
        threads=threads or (1,),
        providers=providers or ("cpu",),
        margin=margin,
        largest_batch=largest_batch,
    )
    dataset = resolve_data(data, Catalog(plugins)) if data else None
    with (
        tempfile.TemporaryDirectory(prefix="kdbench-measure-") as folder,
        api.place(folder, data=data_root or api.DEFAULT_DATA, workers=1, plugins=plugins) as place,
    ):
        files = tuple(dict.fromkeys(models))
        messages = measure_files(files, asked, place, timing_settled, data=dataset, scale=scale, shape=shape)
        found = follow(messages)
    click.echo(found.model_dump_json(indent=1) if as_json else measurement_markdown(describe_measurement(found)))
    return 0 if found.latencies else 6
