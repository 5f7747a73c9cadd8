"""What the gates of seeds can see: the drop that their own test fails with a probability of 80 %, before any check."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from kdbench.analyze.decisions.wording import several
from kdbench.analyze.gate.figures import Figure, figures_of
from kdbench.analyze.gate.seeds import collapsing
from kdbench.results import Baseline, LatencyRecord
from kdbench.results.timings import slice_p50s
from kdbench.statistics.drops import FAIL_ALPHA, MOST_SEEDS, POWER, detectable_drop, seeds_to_show
from kdbench.statistics.intervals import spread
from kdbench.statistics.paired import SEEDS_FOR_A_CLAIM
from kdbench.statistics.ratios import GATE_LOOKS, session_medians


@dataclass(frozen=True)
class RowPower:
    """A row of students and the drop of a figure that the gate fails with a probability of 80 %.

    The SD of paired changes is unknown before there is a second run: sqrt(2) times the SD over seeds bounds it from
    above, as if the two runs shared nothing.
    """

    figure: Figure
    pair: str
    row: str
    seeds: int
    value: float  # mean
    sd: float | None  # None with one seed, or where all seeds are equal
    detectable: float | None  # may exceed an accuracy: then no drop is seen

    @property
    def sees(self) -> bool:
        """Whether any drop is seen."""
        return self.detectable is not None and self.detectable <= self.figure.room(self.value)


def gate_power(baseline: Baseline) -> list[RowPower]:
    """One for each figure that is held over seeds, and each row of students that has it."""
    family, found = _family(baseline), []
    for figure in figures_of(baseline):
        for (pair, role, row), seeds in baseline.by_place.items():
            values = [value for seed in seeds if (value := figure.read(seed)) is not None]
            if role == "student" and values:
                sd = math.sqrt(2) * (spread([figure.score(value) for value in values]) or 0.0) or None
                detectable = detectable_drop(sd, len(values), figure.allowed, family)
                found.append(RowPower(figure, pair, row, len(values), fmean(values), sd, detectable))
    return found


def _family(baseline: Baseline) -> int:
    """The rows and figures that share the error: all with at least two seeds, of top-1 those of teachers too."""
    rows = [place[1] for place, seeds in baseline.by_place.items() if len(seeds) > 1]
    return sum(figure.clean_top1 or role == "student" for figure in figures_of(baseline) for role in rows) or 1


def what_the_gate_sees(baseline: Baseline) -> str:
    """In one sentence: which drops of top-1 the seeds of a baseline can show, and what more seeds would show."""
    family, power = _family(baseline), [each for each in gate_power(baseline) if each.figure.clean_top1]
    shown = [each for each in power if each.sees]
    collapse = f"a collapsed seed{_except(baseline)}"
    if not shown:
        return f"The accuracy gate sees only {collapse}: these seeds cannot show a drop."
    limit = shown[0].figure.allowed
    drops = [each.detectable or 0.0 for each in shown]
    fewest, blind = min(each.seeds for each in shown), len(power) - len(shown)
    gross = max(drops) > 2 * limit
    test = f"one-sided t at {100 * FAIL_ALPHA:g} %, Holm over {several(family, 'row')}, {100 * limit:.2f} allowed"
    text = (
        f"With {several(fewest, 'seed')} the accuracy gate sees {'only ' if gross else ''}"
        f"a drop of {_range(drops)} (by row; fails it in {100 * POWER:g} % of cases; {test}) or {collapse}"
    )
    if blind:
        text += f"; in {blind} of {len(power)} rows of students it sees no drop"
    if gross:
        more = SEEDS_FOR_A_CLAIM if fewest < SEEDS_FOR_A_CLAIM else 2 * fewest
        then = [detectable_drop(each.sd, more, limit, family) or 0.0 for each in shown]
        text += f"; {more} seeds would show {_range(then)}"
    return text + "."


def _except(baseline: Baseline) -> str:
    pairs = sorted(pair for pair, role in collapsing(baseline) if role == "student")
    return f" (not in {', '.join(pairs)}, where seeds had collapsed in the baseline)" if pairs else ""


def undetectable_gates(baseline: Baseline) -> list[str]:
    """For each gate and pair whose seeds do not show a drop of twice the limit: by how much, and what would do.

    Of several such rows, the one whose seeds differ most is told: what does for it does for all.
    """
    family, problems = _family(baseline), []
    blind: dict[tuple[str, str], list[RowPower]] = {}
    for each in gate_power(baseline):
        if each.seeds < 2 or (each.detectable or 0.0) > 2 * each.figure.allowed:
            blind.setdefault((each.figure.gate.label, each.pair), []).append(each)
    for (_, pair), found in blind.items():
        worst = max(found, key=lambda each: each.detectable or math.inf)
        figure, limit = worst.figure, worst.figure.allowed
        of = f"'{worst.row}'{f' and {len(found) - 1} more' if len(found) > 1 else ''} ({pair})"
        allows = _allows(figure, baseline)
        if worst.detectable is None or worst.sd is None:
            problems.append(f"{allows}, but one seed of {of} has no spread to judge it by: use at least 5 seeds")
            continue
        least = f"only one of {figure.say_size(worst.detectable)}" if worst.sees else "none at all"
        remedies = _remedies(worst, seeds_to_show(2 * limit, worst.sd, limit, family))
        problems.append(f"{allows}, but {several(worst.seeds, 'seed')} of {of} show {least}: {remedies}")
    return problems


def undetectable_slowdowns(baseline: Baseline, timed: Sequence[LatencyRecord]) -> list[str]:
    """For each way of timing whose noise hides a slowdown of twice the limit: by how much, and what would do.

    The noise is that of a run's reference against itself.
    """
    margin, noise = baseline.latency_margin, [record for record in timed if record.kind == "noise"]
    if margin is None:
        return []
    files = sum(model.onnx is not None for model in baseline.models)
    allowed, family, rounds, problems = math.log1p(margin), len(GATE_LOOKS) * files * len(noise), GATE_LOOKS[-1], []
    for record in noise:
        sd = spread(session_medians(slice_p50s(record.sessions)))
        least = detectable_drop(sd, rounds, allowed, family)
        if least and least > 2 * allowed:
            shown, wide = math.expm1(least), math.ceil(1000 * math.expm1(least - allowed)) / 1000
            of = f"{rounds} rounds of {record.how.label} on this machine show only one of {100 * shown:.2f} %"
            problems.append(
                f"the gate of latency allows a rise of {100 * margin:g} %, but {of}: use may_rise = {wide:.3f}"
            )
    return problems


def unread_gates(baseline: Baseline) -> list[str]:
    """For each gate that could never be judged: of how many trials its figure was not computed."""
    students = [row for row in baseline.rows if row.role == "student"]
    lacking = {each.gate.label: sum(each.read(row) is None for row in students) for each in figures_of(baseline)}
    of = several(len(students), "student")
    return [f"the gate of {label} has no figure of {number} of {of}" for label, number in lacking.items() if number]


def _allows(figure: Figure, baseline: Baseline) -> str:
    written = any(gate.label == figure.gate.label for gate in baseline.spec.gates)
    name = "the accuracy gate" if figure.clean_top1 else f"the gate of {figure.gate.label}"
    return f"{name} allows a {figure.drop} of {figure.say_size(figure.allowed)}{'' if written else ' by default'}"


def _remedies(worst: RowPower, seeds: int | None) -> str:
    """More seeds, or a limit with which a drop of twice the limit is seen."""
    figure = worst.figure
    room = (worst.detectable or 0.0) - figure.allowed
    wide = math.ceil(1000 * (math.expm1(room) if figure.seconds else room)) / 1000
    possible = 2 * wide < figure.room(worst.value)
    key = "may_drop" if figure.falling else "may_rise"
    ways = [f"{seeds} seeds" if seeds else "", f"{key} = {wide:.3f}" if possible else ""]
    if not any(ways):
        return f"not even {MOST_SEEDS} seeds would do: leave that row out of the suite"
    return f"use {' or '.join(filter(None, ways))}"


def _range(drops: Sequence[float]) -> str:
    low, high = (f"{100 * end(drops):.2f}" for end in (min, max))
    return f"{low} points" if low == high else f"{low} to {high} points"
