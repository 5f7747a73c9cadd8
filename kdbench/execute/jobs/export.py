"""Export inside a worker: from a trial's weights to its ONNX file, and from that file to its variants."""

from collections.abc import Iterator

from pydantic import TypeAdapter

from kdbench.deploy.export.export import ExportError, export_onnx
from kdbench.deploy.export.parity import ParityError, check_parity
from kdbench.deploy.runtime.evaluate import predict_all
from kdbench.deploy.variants import make
from kdbench.deploy.variants.make import VariantError, drift, variant_facts
from kdbench.execute.jobs.context import Job
from kdbench.execute.jobs.networks import load_network
from kdbench.execute.jobs.samples import chunks_of_test, samples_of_test, samples_of_training
from kdbench.execute.workers.executors import Item
from kdbench.execute.workers.messages import Exported, Message, Noted, NotExported
from kdbench.results import ArtifactRecord, Store, machine_facts
from kdbench.results.keys import artifact_key
from kdbench.results.machine.facts import timestamp
from kdbench.spec import DataSpec
from kdbench.spec.variants import Fp32, Int8Static, NamedVariant, Variant
from kdbench.zoo.datasets.splits import Splits

PARITY_SAMPLES = 256
VARIANT: TypeAdapter[Variant] = TypeAdapter(NamedVariant)


def export_trials(item: Item) -> Iterator[Message]:
    """Export trained models of one dataset, and compare each file with its model."""
    job = Job(item)
    splits = job.splits(DataSpec.model_validate(item["data"]))
    for trial in item["keys"]:
        try:
            _export(trial, splits, job)
        except (ExportError, ParityError) as error:
            yield NotExported(key=trial, reason=str(error))
        else:
            yield Exported(key=trial)


def _export(trial: str, splits: Splits, job: Job) -> None:
    model = load_network(trial, splits, job).to("cpu")
    key = artifact_key(trial, Fp32())
    with job.store.new_artifact(key) as folder:
        facts = export_onnx(model, splits.shape, folder / Store.ONNX)
        record = ArtifactRecord(
            key=key,
            trial=trial,
            variant=Fp32().model_dump(mode="json"),
            label=Fp32().label,
            model=facts,
            parity=check_parity(model, folder / Store.ONNX, samples_of_test(splits, PARITY_SAMPLES)),
            drift=None,
            machine=machine_facts(),
            finished=timestamp(),
        )
        (folder / Store.ARTIFACT).write_text(record.model_dump_json(indent=1) + "\n", "utf-8")


def make_variant(item: Item) -> Iterator[Message]:
    """One exported file as a variant, and how far its logits are from those of the file it is made from."""
    job = Job(item)
    splits = job.splits(DataSpec.model_validate(item["data"]))
    variant = VARIANT.validate_python(item["variant"])
    source = job.store.read_artifact(item["keys"][0])
    images = samples_of_training(splits, variant.samples if isinstance(variant, Int8Static) else 1)
    try:
        with job.store.new_artifact(item["made"]) as folder:
            made = folder / Store.ONNX
            make.make_variant(variant, job.store.onnx(source.key), made, images)
            (exported, logits), _ = predict_all([job.store.onnx(source.key), made], chunks_of_test(splits))
            record = ArtifactRecord(
                key=item["made"],
                trial=source.trial,
                variant=variant.model_dump(mode="json"),
                label=variant.label,
                model=variant_facts(source.model, made),
                parity=None,
                drift=drift(exported, logits),
                machine=machine_facts(),
                finished=timestamp(),
            )
            (folder / Store.ARTIFACT).write_text(record.model_dump_json(indent=1) + "\n", "utf-8")
    except VariantError as reason:
        yield Noted(text=f"variant {variant.label} was not made: {reason}")
    else:
        yield Exported(key=source.trial, variant=variant.label)
