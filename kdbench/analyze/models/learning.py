"""How fast the models of a run learn: areas, laws, times to shares of the teacher's accuracy, sample efficiency."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from kdbench.analyze.models.evaluations import compared
from kdbench.analyze.models.pairs import PairSummary
from kdbench.analyze.models.rows import ModelRow, by_epoch
from kdbench.results import CurvePoint, TrialResult
from kdbench.spec import Constant
from kdbench.spec.planning.entry import Role
from kdbench.spec.recipe import learning_rate_spent
from kdbench.statistics.curves import areas
from kdbench.statistics.intervals import Estimate
from kdbench.statistics.laws import Fits, fit_laws
from kdbench.statistics.survival import SHARES, Reach, SampleEfficiency, first_crossing, kaplan_meier, sample_efficiency

Curve = Sequence[CurvePoint]
Turns = Callable[[Mapping[int, float]], Mapping[int, float]]


@dataclass(frozen=True)
class Target:
    """A share of the teacher's validation accuracy, and when the seeds of one row reached it."""

    share: float
    accuracy: float  # mean over the seeds' teachers
    reach: Reach  # epochs, at evaluations
    efficiency: SampleEfficiency | None  # against the student alone; None for itself and for teachers


@dataclass(frozen=True)
class LearningRow:
    """Learning of one row. Accuracies on validation, 0 to 1."""

    pair: str
    role: Role
    model: str
    row: str
    until: float | None  # samples at which the areas end, the same for all rows of a pair
    area: Estimate | None  # mean height over samples
    area_log: Estimate | None  # mean height over log samples
    fits: Fits | None  # of the mean curve by epochs; None without a curve
    targets: tuple[Target, ...]  # none without a teacher


def learning_rows(
    pairs: Sequence[PairSummary], trials: Mapping[str, TrialResult], turns: Turns
) -> tuple[LearningRow, ...]:
    """Rows pair by pair, teachers first. `turns` maps figures by teacher seed to figures by student seed."""
    return tuple(row for pair in pairs for row in _rows(pair, trials, turns))


def _rows(pair: PairSummary, trials: Mapping[str, TrialResult], turns: Turns) -> list[LearningRow]:
    def curves(row: ModelRow) -> dict[int, Curve]:
        return {seed.seed: trials[seed.key].curve for seed in row.seeds}

    # Where the shortest student's curve ends: means over different lengths cannot be compared.
    end = min((curve[-1].samples for row in pair.students for curve in curves(row).values()), default=None)
    own = dict(pair.teacher.validation_by_seed) if pair.teacher else {}
    found = []
    for row, rival in compared([pair]):
        mine, teachers = curves(row), own if row.role == "teacher" else turns(own)
        area, log = (areas([by_samples(curve) for curve in mine.values()], log=log, end=end) for log in (False, True))
        found.append(
            LearningRow(
                pair=row.pair,
                role=row.role,
                model=row.model,
                row=row.row,
                until=area[0] if area else None,
                area=area[1] if area else None,
                area_log=log[1] if log else None,
                fits=_fits(row, trials),
                targets=_targets(mine, curves(rival) if rival else {}, teachers),
            )
        )
    return found


def _fits(row: ModelRow, trials: Mapping[str, TrialResult]) -> Fits | None:
    """Seeds share their recipe, so they have spent the same learning rate."""
    if not row.curve:
        return None
    train = trials[row.seeds[0].key].trial.train
    constant = isinstance(train.schedule, Constant)
    spent = None if constant else learning_rate_spent(train, row.curve.epochs)
    return fit_laws(row.curve.epochs, row.curve.mean, spent)


def _targets(
    mine: Mapping[int, Curve], alone: Mapping[int, Curve], teachers: Mapping[int, float]
) -> tuple[Target, ...]:
    seeds = [seed for seed in mine if seed in teachers]
    if not seeds:
        return ()
    found = []
    for share in SHARES:
        aims = {seed: share * teachers[seed] for seed in teachers}
        crossings = [first_crossing(*by_epoch(mine[seed]), aims[seed]) for seed in seeds]
        slower, faster = (
            {seed: first_crossing(*by_samples(curve), aims[seed]) for seed, curve in side.items() if seed in aims}
            for side in (alone, mine)
        )
        found.append(
            Target(
                share=share,
                accuracy=sum(aims[seed] for seed in seeds) / len(seeds),
                reach=kaplan_meier([crossing.at for crossing in crossings], [c.reached for c in crossings]),
                efficiency=sample_efficiency(slower, faster),
            )
        )
    return tuple(found)


def by_samples(curve: Curve) -> tuple[list[int], list[float]]:
    """Samples trained on so far, and validation top-1 at each."""
    return [point.samples for point in curve], [point.validation_top1 for point in curve]
