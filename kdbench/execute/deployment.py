"""What follows training: trials that rows report are exported, made into variants and evaluated; and what to time."""

from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from kdbench.execute.events import Ahead, Evaluated, Exported, NotExported, RunEvent
from kdbench.execute.jobs.records import Done, EvaluateArtifacts, ExportTrials, JobOnKeys, MakeVariant, TrialsExported
from kdbench.execute.timing.timing import Network
from kdbench.execute.workers.messages import Crashed, Noted, Progress
from kdbench.execute.workers.place import Place
from kdbench.results import EvaluationRecord, Outcome, Store
from kdbench.results.keys import artifact_key, evaluation_key, score_name
from kdbench.results.machine.processor import instruction_set
from kdbench.spec import NamedChoice, Plan, Record, Suite
from kdbench.spec.variants import Fp32, Int8Qat, Variant

AT_ONCE = 16  # models exported or evaluated in one job, at most
Outcomes = Mapping[str, Outcome]
OnKeys = TypeVar("OnKeys", bound=JobOnKeys[Any])


@dataclass(frozen=True)
class Deployed:
    """Keys of what a run has in the store: artifacts with their files, and their evaluations."""

    artifacts: tuple[str, ...]
    evaluations: tuple[str, ...]


def deploy(plan: Plan, outcomes: Outcomes, place: Place, measured: Suite) -> Generator[RunEvent, None, Deployed]:
    """Export, make variants and evaluate what the store lacks; returns the keys of what is there.

    `outcomes` is read; a trial that `NotExported` is yielded of is expected to be failed there from then on.
    `measured`: the suite without those of its variants and conditions that are not to be computed anew.
    """
    yield from _export(plan, outcomes, place)
    yield from _make_variants(plan, outcomes, place, measured)
    yield from _evaluate(plan, outcomes, place, measured)
    found = {
        key: record
        for key in _asked(plan, outcomes, place.store)
        if (record := place.store.read(Store.EVALUATIONS, key, EvaluationRecord))
    }
    yield from _missing_scores(plan, found.values())
    return Deployed(tuple(_files(plan, outcomes, place.store)), tuple(found))


def _export(plan: Plan, outcomes: Outcomes, place: Place) -> Iterator[RunEvent]:
    """Export every finished trial that a row reports, and every confirmation and stage.

    Trials of one model share a job, which exports its graph once.
    """
    lacking: dict[str, list[str]] = {}
    for key in _done(plan, outcomes, plan.reported | plan.evaluated):
        if not place.store.is_exported(_artifact(key, Fp32())):
            lacking.setdefault(plan.trials[key].model.model_dump_json(), []).append(key)
    if lacking:
        yield Ahead(work="test", units=2 * sum(map(len, lacking.values())))  # each is exported, then evaluated
    setting = place.setting()
    shares = [share for keys in lacking.values() for share in _shares(keys, place)]
    jobs = [ExportTrials(setting=setting, keys=share, data=plan.suite.data) for share in shares]
    for job, said in _run(jobs, place):
        match said:
            case TrialsExported(failures=failures):
                for key in job.keys:
                    yield NotExported(key=key, reason=failures[key]) if key in failures else Exported(key=key)
            case Crashed(reason=reason):
                yield NotExported(key=job.keys[0], reason=reason)


def _make_variants(plan: Plan, outcomes: Outcomes, place: Place, measured: Suite) -> Iterator[RunEvent]:
    exported = [key for key in _done(plan, outcomes, plan.reported) if place.store.is_exported(_artifact(key, Fp32()))]
    trained = {
        (plan.trials[entry.key].start[0], entry.variant): entry.key
        for entry in plan.entries
        if entry.role == "variant" and outcomes[entry.key].status == "done"
    }
    asked = [
        (trial, variant)
        for variant in measured.variants
        for trial in exported
        if not place.store.is_exported(_artifact(trial, variant))
        and (not isinstance(variant, Int8Qat) or (trial, variant.label) in trained)
    ]
    setting = place.setting()
    jobs = [
        MakeVariant(
            setting=setting,
            source=_artifact(trial, Fp32()),
            made=_artifact(trial, variant),
            trained=trained.get((trial, variant.label)),
            variant=variant,
            data=plan.suite.data,
        )
        for trial, variant in asked
    ]
    for position, said in place.run(jobs):
        trial, variant = asked[position]
        match said:
            case Done(reason=None):
                yield Exported(key=trial, variant=variant.label)
            case Done(reason=reason):
                yield Noted(text=f"variant {variant.label} was not made: {reason}")
            case Crashed():
                yield _note(said)


def _evaluate(plan: Plan, outcomes: Outcomes, place: Place, measured: Suite) -> Iterator[RunEvent]:
    """Evaluate what the store lacks. Artifacts under the same condition share a job, and its corrupted images."""
    asked = _asked(plan, outcomes, place.store)
    lacking = [each for key, each in asked.items() if not place.store.has(Store.EVALUATIONS, key)]
    setting, of, jobs = place.setting(), dict[str, int](), list[EvaluateArtifacts]()
    kept = (None, *measured.conditions)
    for condition in kept:
        # Once for all of its heads.
        files = list(dict.fromkeys(each.artifact for each in lacking if each.condition == condition))
        of[_name(condition)] = len(files)
        jobs += [
            EvaluateArtifacts(
                setting=setting, keys=share, data=plan.suite.data, condition=condition, metrics=plan.suite.metrics
            )
            for share in _shares(files, place)
        ]
    if left := dict.fromkeys(each.condition.label for each in lacking if each.condition and each.condition not in kept):
        yield Noted(text=f"not evaluated by this check, as no gate is of such a condition: {', '.join(left)}")
    if jobs:
        yield Ahead(work="test", units=of[_name(None)])
        yield Ahead(work="conditions", units=sum(of.values()) - of[_name(None)])
    for job, said in _run(jobs, place):
        name = _name(job.condition)
        match said:
            case Done(reason=None):
                yield Evaluated(what=name, models=len(job.keys), of=of[name])
            case Done(reason=reason):
                label = job.condition.label if job.condition else ""
                yield Noted(text=f"condition '{label}' was not evaluated: {reason}")
            case Crashed():
                yield _note(said)


def _name(condition: NamedChoice | None) -> str:
    return f"condition {condition.label}" if condition else "clean images"


def _note(crashed: Crashed) -> Noted:
    text = f"a job crashed after training, and its figures are missing: {crashed.reason}"
    return Noted(text=text, traceback=crashed.traceback)


def _missing_scores(plan: Plan, records: Iterable[EvaluationRecord]) -> Iterator[RunEvent]:
    """A note on each metric that failed, with its reason, also where it failed in an earlier run."""
    names = {score_name(metric): metric.label for metric in plan.suite.metrics}
    for name, reason in dict.fromkeys(item for record in records for item in record.missing.items()):
        yield Noted(text=f"metric '{names[name]}' was not computed: {reason}")


@dataclass(frozen=True)
class _Asked:
    artifact: str
    condition: NamedChoice | None


def _asked(plan: Plan, outcomes: Outcomes, store: Store) -> dict[str, _Asked]:
    """By key: every file on clean images, each of its heads there, and what a row reports under every condition."""
    files = _files(plan, outcomes, store)
    whole = {
        evaluation_key(file, condition, plan.suite.metrics): _Asked(file, condition)
        for file, (_, everywhere) in files.items()
        for condition in ((None, *plan.suite.conditions) if everywhere else (None,))
    }
    by_head = {
        evaluation_key(file, None, (), head=head): _Asked(file, None)
        for file, (trial, _) in files.items()
        for head in plan.trials[trial].answering
    }
    return whole | by_head


def _files(plan: Plan, outcomes: Outcomes, store: Store) -> dict[str, tuple[str, bool]]:
    """The artifacts that the store has, with their trials, and whether they are evaluated under conditions: variants
    are not, nor are confirmations and stages. Students of the same teachers come together.
    """
    found: dict[str, tuple[str, bool]] = {}
    trials = _done(plan, outcomes, plan.reported | plan.evaluated)
    for trial in sorted(trials, key=lambda key: plan.trials[key].teachers):
        reported = trial in plan.reported
        for variant in (Fp32(), *plan.suite.variants) if reported else (Fp32(),):
            found.setdefault(_artifact(trial, variant), (trial, reported and variant.use == "fp32"))
    return {key: about for key, about in found.items() if store.is_exported(key)}


def _artifact(trial: str, variant: Variant) -> str:
    return artifact_key(trial, variant, instruction_set())


def _done(plan: Plan, outcomes: Outcomes, among: Collection[str]) -> list[str]:
    """Those of some trials that are done, in the plan's order."""
    return [key for key in plan.trials if key in among and outcomes[key].status == "done"]


def _shares(keys: Sequence[str], place: Place) -> list[tuple[str, ...]]:
    """Keys for one job each: as many jobs as there are workers, or more where one would get over 16."""
    size = max(1, min(AT_ONCE, -(-len(keys) // place.executor.workers)))
    return [tuple(keys[at : at + size]) for at in range(0, len(keys), size)]


def _run(jobs: Sequence[OnKeys], place: Place) -> Iterator[tuple[OnKeys, Progress | Record | Crashed]]:
    """Run jobs side by side. One that crashes is repeated key by key, so that one bad file fails alone."""
    again: list[OnKeys] = []
    for position, said in place.run(jobs):
        job = jobs[position]
        if isinstance(said, Crashed) and len(job.keys) > 1:
            again += [job.model_copy(update={"keys": (key,)}) for key in job.keys]
        else:
            yield job, said
    if again:
        yield from _run(again, place)


def to_be_timed(plan: Plan, outcomes: Outcomes, store: Store) -> tuple[list[Network], list[Network]]:
    """One network per architecture, variants included; and of each architecture one per further loss, for the ties."""
    firsts: dict[tuple[str, str], Network] = {}
    variants: dict[str, Network] = {}
    reported = set(_done(plan, outcomes, plan.reported))
    for entry in plan.entries:
        for variant in (Fp32(), *plan.suite.variants) if entry.key in reported else ():
            key = _artifact(entry.key, variant)
            if not store.is_exported(key):
                continue
            artifact, exported = store.read_artifact(key), variant.use == "fp32"
            facts = artifact.model
            label = entry.model if exported else f"{entry.model} as {variant.label}"
            file = store.exported(artifact)
            network = Network(entry.key, label, facts.architecture, file, facts.onnx_sha256, facts.flops, variant.use)
            if exported:
                firsts.setdefault((network.architecture, entry.loss), network)
            else:
                variants.setdefault(network.architecture, network)
    timed: dict[str, Network] = {}
    for network in firsts.values():
        timed.setdefault(network.architecture, network)
    ties = [network for network in firsts.values() if network is not timed[network.architecture]]
    return [*timed.values(), *variants.values()], ties
