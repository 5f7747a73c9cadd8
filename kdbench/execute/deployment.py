"""What follows training: models in environments, by metrics and as other variants, and which of them to time."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

from kdbench.execute.timing.timing import Network
from kdbench.execute.workers.executors import Item
from kdbench.execute.workers.messages import Crashed, Message
from kdbench.execute.workers.place import DEPLOYED_STAGES, Place, raise_if_refused
from kdbench.results import Outcome, Store
from kdbench.results.records import VariantRecord
from kdbench.results.store import environment_key, metric_key, variant_key
from kdbench.spec import Plan

MODELS_AT_ONCE = 16  # evaluated on the same images
Done = Mapping[str, Outcome]


def evaluate_environments(plan: Plan, outcomes: Done, place: Place) -> Generator[Message, None, tuple[str, ...]]:
    """Every finished model in every environment of the suite; returns the keys of what is in the store."""
    keys = {(t, e.label): environment_key(t, e) for e in plan.suite.environments for t in _finished(plan, outcomes)}
    jobs = []
    for environment in plan.suite.environments:
        wanted = [
            trial
            for trial in _finished(plan, outcomes)
            if not place.store.has(Store.ENVIRONMENTS, keys[trial, environment.label])
        ]
        data = plan.suite.data.model_dump(mode="json")
        choice = environment.model_dump(mode="json")
        jobs += [
            place.item(trials=wanted[at : at + MODELS_AT_ONCE], of=len(wanted), environment=choice, data=data)
            for at in range(0, len(wanted), MODELS_AT_ONCE)
        ]
    yield from _all(place, "evaluate_environment", jobs, _one_by_one)
    return tuple(key for key in keys.values() if place.store.has(Store.ENVIRONMENTS, key))


def compute_metrics(plan: Plan, outcomes: Done, place: Place) -> Generator[Message, None, tuple[str, ...]]:
    """Every metric of the suite of every finished model; returns the keys of what is in the store.

    Models that lack the same metrics go through the network once for all of these.
    """
    finished = _finished(plan, outcomes)
    keys = {(t, m.label): metric_key(t, m) for m in plan.suite.metrics for t in finished}
    lacking: dict[tuple[str, ...], list[str]] = {}  # trials by the metrics they lack
    for trial in finished:
        missing = (m.label for m in plan.suite.metrics if not place.store.has(Store.METRICS, keys[trial, m.label]))
        lacking.setdefault(tuple(missing), []).append(trial)
    asked = {metric.label: metric.model_dump(mode="json") for metric in plan.suite.metrics}
    of = {name: sum(len(trials) for missing, trials in lacking.items() if name in missing) for name in asked}
    data = plan.suite.data.model_dump(mode="json")
    jobs = [
        place.item(
            trials=trials[at : at + MODELS_AT_ONCE],
            of=of,
            metrics=[asked[name] for name in missing],
            data=data,
        )
        for missing, trials in lacking.items()
        if missing
        for at in range(0, len(trials), MODELS_AT_ONCE)
    ]
    yield from _all(place, "compute_metrics", jobs, _one_by_one)
    return tuple(key for key in keys.values() if place.store.has(Store.METRICS, key))


def make_variants(plan: Plan, outcomes: Done, place: Place) -> Generator[Message, None, tuple[str, ...]]:
    """Every finished model as every variant of the suite but the exported one; returns the keys that are there."""
    others = [variant for variant in plan.suite.variants if variant.use != "fp32"]
    keys = {(t, v.label): variant_key(t, v) for v in others for t in _finished(plan, outcomes)}
    data = plan.suite.data.model_dump(mode="json")
    jobs = []
    for variant in others:
        missing = [t for t in _finished(plan, outcomes) if not place.store.has(Store.VARIANTS, keys[t, variant.label])]
        made = variant.model_dump(mode="json")
        jobs += [place.item(trial=trial, of=len(missing), variant=made, data=data) for trial in missing]
    yield from _all(place, "make_variant", jobs)
    return tuple(key for key in keys.values() if place.store.has(Store.VARIANTS, key))


def _finished(plan: Plan, outcomes: Done) -> list[str]:
    return [key for key in plan.trials if outcomes[key].status == "done"]


def _one_by_one(job: Item) -> list[Item]:
    """A job for each model of one that broke: one bad file must not cost the others their figures."""
    return [{**job, "trials": [trial]} for trial in job["trials"]] if len(job["trials"]) > 1 else []


def _all(
    place: Place, stage: str, jobs: Sequence[Item], divide: Callable[[Item], list[Item]] | None = None
) -> Iterator[Message]:
    """Run jobs side by side. One that breaks is divided, or told where it cannot be, and its figures are missing."""
    again: list[Item] = []
    for job, message in place.executor.map(f"{DEPLOYED_STAGES}:{stage}", jobs):
        raise_if_refused(message)
        parts = divide(job) if divide and isinstance(message, Crashed) else []
        again += parts
        if not parts:
            yield message
    if again:
        yield from _all(place, stage, again)


def to_be_timed(plan: Plan, outcomes: Done, store: Store) -> tuple[list[Network], list[Network]]:
    """One network per architecture, variants included; and of each architecture one per further loss, for the ties."""
    firsts: dict[tuple[str, str], Network] = {}
    variants: dict[str, Network] = {}
    for entry in plan.entries:
        if outcomes[entry.key].status != "done":
            continue
        facts = store.read_trial(entry.key).model
        onnx = store.trial_folder(entry.key) / Store.ONNX
        network = Network(entry.key, entry.model, facts.architecture, onnx, facts.onnx_sha256, facts.flops)
        firsts.setdefault((network.architecture, entry.loss), network)
        for variant in plan.suite.variants:
            key = variant_key(entry.key, variant)
            if made := store.read(Store.VARIANTS, key, VariantRecord):
                label, file = f"{entry.model} as {variant.label}", store.variant_onnx(key)
                facts = made.model
                network = Network(
                    entry.key, label, facts.architecture, file, facts.onnx_sha256, facts.flops, variant.use
                )
                variants.setdefault(network.architecture, network)
    timed: dict[str, Network] = {}
    for network in firsts.values():
        timed.setdefault(network.architecture, network)
    ties = [network for network in firsts.values() if network is not timed[network.architecture]]
    return [*timed.values(), *variants.values()], ties
