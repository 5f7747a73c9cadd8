"""What follows training: trials that rows report are exported, made into variants and evaluated; and what to time."""

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from kdbench.execute.timing.timing import Network
from kdbench.execute.workers.executors import Item
from kdbench.execute.workers.messages import Crashed, Message, Noted, NotExported
from kdbench.execute.workers.place import Place, raise_if_refused
from kdbench.results import EvaluationRecord, Outcome, Store
from kdbench.results.keys import artifact_key, evaluation_key, score_name
from kdbench.results.machine.processor import instruction_set
from kdbench.spec import NamedChoice, Plan
from kdbench.spec.variants import Fp32, Variant

AT_ONCE = 16  # models exported or evaluated in one job, at most
EXPORT_TRIALS = "kdbench.execute.jobs.export:export_trials"
MAKE_VARIANT = "kdbench.execute.jobs.export:make_variant"
EVALUATE_ARTIFACTS = "kdbench.execute.jobs.evaluation:evaluate_artifacts"
Done = Mapping[str, Outcome]


@dataclass(frozen=True)
class Deployed:
    """Keys of what a run has in the store: artifacts with their files, and their evaluations."""

    artifacts: tuple[str, ...]
    evaluations: tuple[str, ...]


def deploy(plan: Plan, outcomes: Done, place: Place) -> Generator[Message, None, Deployed]:
    """Export, make variants and evaluate what the store lacks; returns the keys of what is there.

    `outcomes` is read; a trial that `NotExported` is yielded of is expected to be failed there from then on.
    """
    yield from _export(plan, outcomes, place)
    yield from _make_variants(plan, outcomes, place)
    yield from _evaluate(plan, outcomes, place)
    found = {
        key: record
        for key in _asked(plan, outcomes, place.store)
        if (record := place.store.read(Store.EVALUATIONS, key, EvaluationRecord))
    }
    yield from _missing_scores(plan, found.values())
    return Deployed(tuple(_files(plan, outcomes, place.store)), tuple(found))


def _export(plan: Plan, outcomes: Done, place: Place) -> Iterator[Message]:
    """Export every finished trial that a row reports. Trials of one model share a job, which exports its graph once."""
    lacking: dict[str, list[str]] = {}
    for key in _reported(plan, outcomes):
        if not place.store.is_exported(_artifact(key, Fp32())):
            lacking.setdefault(plan.trials[key].model.model_dump_json(), []).append(key)
    jobs = [place.item(keys=some, data=_data(plan)) for keys in lacking.values() for some in _shares(keys, place)]
    for item, message in _run(EXPORT_TRIALS, jobs, place):
        yield NotExported(key=item["keys"][0], reason=message.reason) if isinstance(message, Crashed) else message


def _make_variants(plan: Plan, outcomes: Done, place: Place) -> Iterator[Message]:
    exported = [key for key in _reported(plan, outcomes) if place.store.is_exported(_artifact(key, Fp32()))]
    jobs = []
    for variant in plan.suite.variants:
        asked = variant.model_dump(mode="json")
        for trial in exported:
            source, made = _artifact(trial, Fp32()), _artifact(trial, variant)
            if not place.store.is_exported(made):
                jobs.append(place.item(keys=[source], made=made, variant=asked, data=_data(plan)))
    for _, message in _run(MAKE_VARIANT, jobs, place):
        yield message


def _evaluate(plan: Plan, outcomes: Done, place: Place) -> Iterator[Message]:
    """Evaluate what the store lacks. Artifacts under the same condition share a job, and its corrupted images."""
    asked = _asked(plan, outcomes, place.store)
    lacking = [each for key, each in asked.items() if not place.store.has(Store.EVALUATIONS, key)]
    metrics = [metric.model_dump(mode="json") for metric in plan.suite.metrics]
    jobs = []
    for condition in (None, *plan.suite.conditions):
        files = [each.artifact for each in lacking if each.condition == condition]
        under = condition.model_dump(mode="json") if condition else None
        common = {"condition": under, "metrics": metrics, "data": _data(plan), "of": len(files)}
        jobs += [place.item(keys=some, **common) for some in _shares(files, place)]
    for _, message in _run(EVALUATE_ARTIFACTS, jobs, place):
        yield message


def _missing_scores(plan: Plan, records: Iterable[EvaluationRecord]) -> Iterator[Message]:
    """A note on each metric that failed, with its reason, also where it failed in an earlier run."""
    names = {score_name(metric): metric.label for metric in plan.suite.metrics}
    for name, reason in dict.fromkeys(item for record in records for item in record.missing.items()):
        yield Noted(text=f"metric '{names[name]}' was not computed: {reason}")


@dataclass(frozen=True)
class _Asked:
    artifact: str
    condition: NamedChoice | None


def _asked(plan: Plan, outcomes: Done, store: Store) -> dict[str, _Asked]:
    """By key: each exported file on clean images and under every condition, each variant on clean images."""
    return {
        evaluation_key(file, condition, plan.suite.metrics): _Asked(file, condition)
        for file, is_variant in _files(plan, outcomes, store).items()
        for condition in ((None,) if is_variant else (None, *plan.suite.conditions))
    }


def _files(plan: Plan, outcomes: Done, store: Store) -> dict[str, bool]:
    """The artifacts that the store has, and whether they are variants. Students of the same teachers come together."""
    trials = sorted(_reported(plan, outcomes), key=lambda key: plan.trials[key].teachers)
    keys = {
        _artifact(trial, variant): variant.use != "fp32"
        for trial in trials
        for variant in (Fp32(), *plan.suite.variants)
    }
    return {key: is_variant for key, is_variant in keys.items() if store.is_exported(key)}


def _artifact(trial: str, variant: Variant) -> str:
    return artifact_key(trial, variant, instruction_set())


def _reported(plan: Plan, outcomes: Done) -> list[str]:
    """The trials that are done and that a row reports."""
    return [key for key in plan.trials if key in plan.reported and outcomes[key].status == "done"]


def _data(plan: Plan) -> JsonValue:
    data: JsonValue = plan.suite.data.model_dump(mode="json")
    return data


def _shares(keys: Sequence[str], place: Place) -> list[list[str]]:
    """Keys for one job each: as many jobs as there are workers, or more where one would get over 16."""
    size = max(1, min(AT_ONCE, -(-len(keys) // place.executor.workers)))
    return [list(keys[at : at + size]) for at in range(0, len(keys), size)]


def _run(function: str, jobs: Sequence[Item], place: Place) -> Iterator[tuple[Item, Message]]:
    """Run jobs side by side. One that breaks is repeated key by key: one bad file must not cost the others theirs."""
    again: list[Item] = []
    for job, message in place.executor.map(function, jobs):
        raise_if_refused(message)
        if isinstance(message, Crashed) and len(job["keys"]) > 1:
            again += [{**job, "keys": [key]} for key in job["keys"]]
        else:
            yield job, message
    if again:
        yield from _run(function, again, place)


def to_be_timed(plan: Plan, outcomes: Done, store: Store) -> tuple[list[Network], list[Network]]:
    """One network per architecture, variants included; and of each architecture one per further loss, for the ties."""
    firsts: dict[tuple[str, str], Network] = {}
    variants: dict[str, Network] = {}
    reported = set(_reported(plan, outcomes))
    for entry in plan.entries:
        for variant in (Fp32(), *plan.suite.variants) if entry.key in reported else ():
            key = _artifact(entry.key, variant)
            if not store.is_exported(key):
                continue
            facts, exported = store.read_artifact(key).model, variant.use == "fp32"
            label = entry.model if exported else f"{entry.model} as {variant.label}"
            network = Network(
                entry.key, label, facts.architecture, store.onnx(key), facts.onnx_sha256, facts.flops, variant.use
            )
            if exported:
                firsts.setdefault((network.architecture, entry.loss), network)
            else:
                variants.setdefault(network.architecture, network)
    timed: dict[str, Network] = {}
    for network in firsts.values():
        timed.setdefault(network.architecture, network)
    ties = [network for network in firsts.values() if network is not timed[network.architecture]]
    return [*timed.values(), *variants.values()], ties
