"""One file to deploy: of the student that is recommended or named, the seed that is best on validation."""

from collections.abc import Sequence
from dataclasses import dataclass

from kdbench.analyze.decisions.recommend import Recommendation
from kdbench.analyze.models.rows import StudentRow
from kdbench.analyze.models.variants import VariantRow
from kdbench.analyze.summary import Summary
from kdbench.results import ArtifactResult, ResultSet, TrialResult
from kdbench.spec import UserError, nearest

AS_EXPORTED = "fp32"


@dataclass(frozen=True)
class Deployable:
    """An exported file of one seed, with the row that it is of."""

    row: StudentRow
    variant: VariantRow | None  # None for the exported file as it is
    seed: int
    trial: TrialResult
    file: ArtifactResult

    @property
    def name(self) -> str:
        """'cnn(width=8)-kd-int8_static-seed3', with signs that are no part of a file name left out."""
        parts = (self.row.model, self.row.row, self.variant.variant if self.variant else "", f"seed{self.seed}")
        return "-".join("".join(c if c.isalnum() or c in "._" else "_" for c in part) for part in parts if part)


@dataclass(frozen=True)
class Asked:
    """What the user names; None: as recommended."""

    pair: str | None = None
    loss: str | None = None  # the row, as reports call it
    variant: str | None = None
    seed: int | None = None


def deployable(results: ResultSet, summary: Summary, told: Recommendation, asked: Asked) -> Deployable:
    """Raises `UserError` where there is nothing to ship and no student is named, or what is named is not there."""
    row = _row(summary, told, asked)
    variant = _variant(summary, told, row, asked)
    seeds = {each.seed: each for each in row.seeds if each.seed in row.learned}
    if asked.seed is not None and asked.seed not in seeds:
        raise UserError(f"'{row.row}' has no seed {asked.seed}", help=nearest(str(asked.seed), map(str, seeds)))
    best = max(seeds.values(), key=lambda each: each.validation_top1)
    chosen = best if asked.seed is None else seeds[asked.seed]
    trial = results.trials[chosen.key]
    made = [each for each in results.variants if variant and (each.trial, each.label) == (chosen.key, variant.variant)]
    if variant and not made:
        raise UserError(f"seed {chosen.seed} of '{row.row}' has no variant '{variant.variant}'")
    return Deployable(row, variant, chosen.seed, trial, made[0] if made else trial.exported)


def _row(summary: Summary, told: Recommendation, asked: Asked) -> StudentRow:
    if asked.pair is None and asked.loss is None:
        if told.student is None:
            help = "name a student yourself: --loss LOSS, and --pair PAIR where there are several"
            raise UserError(f"{told.headline}. {told.reason}", help=help)
        return told.student
    return _named(summary.students, told.student, asked)


def _named(students: Sequence[StudentRow], recommended: StudentRow | None, asked: Asked) -> StudentRow:
    """The student that is named; of a pair alone the one that is recommended, if it is of that pair."""
    pairs = [row for row in students if asked.pair in (None, row.pair)]
    if not pairs:
        raise UserError(f"no pair '{asked.pair}'", help=nearest(asked.pair or "", {row.pair for row in students}))
    if asked.loss is None and recommended in pairs:
        assert recommended
        return recommended
    found = [row for row in pairs if row.row == asked.loss]
    if len(found) != 1:
        known = {row.pair if found else row.row for row in found or pairs}
        what = f"'{asked.loss}' is in {len(found)} pairs: name one with --pair" if found else f"no loss '{asked.loss}'"
        raise UserError(what if asked.loss else "name a loss with --loss", help=nearest(asked.loss or "", known))
    return found[0]


def _variant(summary: Summary, told: Recommendation, row: StudentRow, asked: Asked) -> VariantRow | None:
    """The variant that is named, or recommended with this row."""
    if asked.variant is None:
        return told.variant if row is told.student else None
    mine = {each.variant: each for each in summary.variants if (each.pair, each.role, each.row) == row.name}
    if asked.variant not in {AS_EXPORTED, *mine}:
        raise UserError(f"no variant '{asked.variant}'", help=nearest(asked.variant, {AS_EXPORTED, *mine}))
    return mine.get(asked.variant)
