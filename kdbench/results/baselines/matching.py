"""Which rows and networks of a run stand for those of a baseline, where names or architectures have changed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from kdbench.results.baselines.baseline import Baseline, BaselineModel, title_of
from kdbench.results.result_set import ResultSet, TrialResult
from kdbench.spec import Suite
from kdbench.spec.planning.entry import Role


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


@dataclass(frozen=True)
class Moves:
    """What pairs, losses and ways of teaching of a baseline are called now, where that is another name."""

    pair: Mapping[str, str] = field(default_factory=dict)
    loss: Mapping[str, str] = field(default_factory=dict)
    teaching: Mapping[str, str] = field(default_factory=dict)

    @property
    def told(self) -> list[str]:
        """`the loss 'kd' of the baseline is 'kd(temperature=2.0)' now`."""
        kinds = (("pair", self.pair), ("loss", self.loss), ("way of teaching", self.teaching))
        return [
            f"the {kind} '{was}' of the baseline is '{now}' now" for kind, names in kinds for was, now in names.items()
        ]


def moves_of(before: Suite, now: Suite) -> Moves:
    """Pairs and losses without a name go by their models and options, and are the same where these change."""
    return Moves(
        pair=_moved(((each.label, "") for each in before.pairs), ((each.label, "") for each in now.pairs)),
        loss=_moved(
            ((each.label, each.use) for each in before.losses), ((each.label, each.use) for each in now.losses)
        ),
        teaching=_moved(
            ((each.label, each.use) for each in before.teaching), ((each.label, each.use) for each in now.teaching)
        ),
    )


def _moved(before: Iterable[tuple[str, str]], now: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Of (label, kind): those that are gone are the new ones of their kind, in order, where they are equally many."""
    was, present = dict(before), dict(now)
    found: dict[str, str] = {}
    for kind in dict.fromkeys(was.values()):
        gone = [label for label, its in was.items() if its == kind and label not in present]
        new = [label for label, its in present.items() if its == kind and label not in was]
        found |= dict(zip(gone, new, strict=True)) if len(gone) == len(new) else {}
    return found


def follow(baseline: Baseline, suite: Suite) -> Baseline:
    """The baseline with its pairs, losses and ways of teaching called as the suite calls them now."""
    moves = moves_of(baseline.spec, suite)
    rows = tuple(
        row.model_copy(
            update={
                "pair": moves.pair.get(row.pair, row.pair),
                "loss": moves.loss.get(row.loss, row.loss),
                "teaching": moves.teaching.get(row.teaching, row.teaching),
            }
        )
        for row in baseline.rows
    )
    names = {was.row: now.row for was, now in zip(baseline.rows, rows, strict=True)}
    models = tuple(
        model.model_copy(
            update={
                "pair": moves.pair.get(model.pair, model.pair),
                "rows": tuple(names.get(row, row) for row in model.rows),
            }
        )
        for model in baseline.models
    )
    return baseline.model_copy(update={"rows": rows, "models": models})
