"""Carries out the jobs of export: from a trial's weights to its ONNX file, and from that file to its variants."""

from pathlib import Path

from torch import nn

from kdbench.deploy.export.export import ExportError, Shape, export_onnx
from kdbench.deploy.export.given import write_given
from kdbench.deploy.export.parity import ParityError, check_parity
from kdbench.deploy.export.quantized import check_rounding, export_quantized
from kdbench.deploy.runtime.evaluate import predict_all
from kdbench.deploy.variants import make
from kdbench.deploy.variants.make import VariantError, drift, variant_facts
from kdbench.execute.jobs.context import Context
from kdbench.execute.jobs.networks import load_deployed
from kdbench.execute.jobs.records import Done, ExportTrials, MakeVariant, TrialsExported
from kdbench.execute.jobs.samples import chunks_of_test, samples_of_test, samples_of_training
from kdbench.results import ArtifactRecord, ModelFacts, Store, machine_facts
from kdbench.results.keys import artifact_key
from kdbench.results.machine.facts import timestamp
from kdbench.spec.variants import Fp32, Int8Qat, Int8Static
from kdbench.zoo.datasets.splits import Splits
from kdbench.zoo.given.onnx_network import OnnxNetwork

PARITY_SAMPLES = 256


def export_trials(job: ExportTrials) -> TrialsExported:
    """Export trained models of one dataset, and compare each file with its model."""
    context = Context(job.setting)
    splits = context.splits(job.data)
    failures = {}
    for trial in job.keys:
        try:
            _export(trial, splits, context)
        except (ExportError, ParityError) as error:
            failures[trial] = str(error)
    return TrialsExported(failures=failures)


def _export(trial: str, splits: Splits, context: Context) -> None:
    model = load_deployed(trial, splits, context).to("cpu")
    key = artifact_key(trial, Fp32())
    with context.store.new_artifact(key) as folder:
        facts = write_onnx(model, splits.shape, folder / Store.ONNX)
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


def write_onnx(model: nn.Module, shape: Shape, file: Path) -> ModelFacts:
    """Export a network; one that came as an ONNX file is written as it came. Raises `ExportError`."""
    return write_given(model.file, shape, file) if isinstance(model, OnnxNetwork) else export_onnx(model, shape, file)


def _export_quantized(trial: str, splits: Splits, context: Context, made: Path) -> None:
    model = load_deployed(trial, splits, context).to("cpu")
    export_quantized(model, splits.shape, made)
    check_rounding(model, made, samples_of_test(splits, PARITY_SAMPLES))


def make_variant(job: MakeVariant) -> Done:
    """One exported file as a variant, and how far its logits are from those of the file it is made from."""
    context = Context(job.setting)
    splits, variant = context.splits(job.data), job.variant
    source = context.store.read_artifact(job.source)
    original = context.store.exported(source)
    images = samples_of_training(splits, variant.samples if isinstance(variant, Int8Static) else 1)
    try:
        with context.store.new_artifact(job.made) as folder:
            made = folder / Store.ONNX
            if isinstance(variant, Int8Qat):
                assert job.trained, "a trial was trained for this variant"
                _export_quantized(job.trained, splits, context, made)
            else:
                make.make_variant(variant, original, made, images)
            (exported, logits), _ = predict_all([original, made], chunks_of_test(splits))
            record = ArtifactRecord(
                key=job.made,
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
    except (VariantError, ExportError, ParityError) as reason:
        return Done(reason=str(reason))
    return Done()
