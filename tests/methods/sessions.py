"""Ratios of latencies: how often the interval over sessions holds the truth, and the gate is wrong at its limit."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from kdbench.statistics.ratios import (
    GATE_ALPHA,
    GATE_LOOKS,
    LOOKS,
    RatioEstimate,
    estimate_ratio,
    judge_ratio,
    timing_settled,
)
from tests.methods.share import Share, count

BETWEEN = 0.0058  # SD between sessions, measured
WITHIN = 0.0024  # error within one, which can be understood in two ways: see NOISES
PAIRS = 8  # a session
DRAWS = 2000
FIRST = LOOKS[0]
MARGIN = 0.01  # at which the first look seldom settles a ratio of this noise
GATE_MARGIN = 0.025
DRIFT = 0.02  # SD between parts of a run, some four times that of sessions
LASTING = (0.0, 0.2, 0.5)  # correlation of the drift in one round and in the next
Session = list[tuple[float, float]]


@dataclass(frozen=True)
class Noise:
    """Of log ratios: a session's offset, and a pair's own error."""

    name: str
    pair: float
    session: float = BETWEEN
    tails: int | None = None  # of the offsets: degrees of freedom of Student's t; none are normal

    def sessions(
        self, random: np.random.Generator, number: int, ratio: float = 1.0, drift: Sequence[float] | float = 0.0
    ) -> list[Session]:
        """Sessions of a true ratio, each off by what the machine has drifted by then."""
        drawn = random.normal(0, 1, number) if self.tails is None else random.standard_t(self.tails, number)
        offsets = np.log(ratio) + self.session * drawn + drift
        ratios = np.exp(offsets[:, None] + random.normal(0, self.pair, (number, PAIRS)))
        return [[(one, 1.0) for one in row] for row in ratios.tolist()]


# The standard error of a median of 8 normal values is .41 of their SD (by simulation of 10^6 medians).
NOISES = (
    Noise(".24 % the error of a session's median", pair=WITHIN / 0.41),
    Noise(".24 % the error of a pair", pair=WITHIN),
)
# Of 400 sessions timed beside a busy process and this project's tests, half were off by 1.2 %, a tenth by 6, one in
# twenty by 9.
DISTURBED = Noise("sessions beside busy processes", pair=WITHIN, session=0.015, tails=2)


def shares(trials: int, seed: int = 0) -> list[Share]:
    """An eighth of the trials; of those that look more than once, half as many."""
    random = np.random.default_rng(seed)
    part = max(1, trials // 8)
    found = []
    for noise in NOISES:
        found += [_one_look(noise, number, 1, part, random) for number in (3, FIRST)]
        found += [_one_look(noise, number, len(LOOKS), part, random) for number in (3, FIRST)]
        found += [_bootstrap(noise, number, part, random) for number in (1, 3, FIRST)]
        found += [_until_settled(noise, max(1, part // 2), random)]
    found += _drifting(NOISES[0], part, random)
    for noise in (*NOISES, DISTURBED):
        found += _gate(noise, part, random)
    return sorted(found, key=lambda share: share.what)


def _several(sessions: int) -> str:
    return f"{sessions} session{'s' * (sessions > 1)}"


def _holds(found: RatioEstimate | None) -> bool:
    return found is not None and found.low <= 1.0 <= found.high


def _one_look(noise: Noise, number: int, looks: int, trials: int, random: np.random.Generator) -> Share:
    held = [_holds(estimate_ratio(noise.sessions(random, number), looks=looks)) for _ in range(trials)]
    shared = f"error shared by {looks} looks, one taken" if looks > 1 else "one look"
    what = f"ratio: Student t over sessions, {shared}, 95 %"
    return count(what, f"{number} sessions x {PAIRS} pairs, {noise.name}", "coverage", 0.95, held)


def _drifting(noise: Noise, trials: int, random: np.random.Generator) -> list[Share]:
    """The truth is the ratio over all that the machine may drift to: a run's sessions see some of it, or one part."""

    def held(number: int, lasting: float | None) -> list[bool]:
        drifts = (_drift(number, lasting, random) for _ in range(trials))
        return [_holds(estimate_ratio(noise.sessions(random, number, drift=drift))) for drift in drifts]

    what = "ratio that drifts: Student t over sessions, error shared by 3 looks, 95 %"
    beside = "ratio that drifts: the same of sessions in one go (not used)"
    found = []
    for number in (FIRST, LOOKS[-1]):
        setting = f"{number} sessions, drift of SD {100 * DRIFT:g} %"
        found.append(count(beside, setting, "share", None, held(number, None)))
        for lasting in LASTING:
            lasts = f"{setting}, correlation {lasting:g} from round to round"
            nominal = None if lasting else 0.95
            found.append(count(what, lasts, "share" if lasting else "coverage", nominal, held(number, lasting)))
    return found


def _drift(number: int, lasting: float | None, random: np.random.Generator) -> list[float]:
    """Of each session: the same in one go (None), or as a process of first order."""
    drift = [random.normal(0, DRIFT)]
    while len(drift) < number:
        drift.append(drift[-1] if lasting is None else _next(drift[-1], lasting, random))
    return drift


def _next(drift: float, lasting: float, random: np.random.Generator) -> float:
    return float(lasting * drift + random.normal(0, DRIFT * (1 - lasting**2) ** 0.5))


def _bootstrap(noise: Noise, number: int, trials: int, random: np.random.Generator) -> Share:
    """A cluster bootstrap: resample sessions, then pairs within them, and take percentiles of the median."""
    held = []
    for _ in range(trials):
        sessions = noise.sessions(random, number)
        logs = np.log([[candidate for candidate, _ in session] for session in sessions])
        chosen = logs[random.integers(number, size=(DRAWS, number))]
        within = random.integers(PAIRS, size=chosen.shape)
        medians = np.median(np.take_along_axis(chosen, within, axis=2).reshape(DRAWS, -1), axis=1)
        low, high = np.quantile(medians, (0.025, 0.975))
        held.append(bool(low <= 0 <= high))
    what = "ratio: cluster bootstrap over sessions (not used), 95 %"
    if number == 1:
        what = "ratio: bootstrap of one session's pairs (not used), 95 %"
    return count(what, f"{_several(number)} x {PAIRS} pairs, {noise.name}", "coverage", 0.95, held)


def _until_settled(noise: Noise, trials: int, random: np.random.Generator) -> Share:
    """As kdbench times: more rounds until the interval is within half the margin, which is a look each."""
    settled = partial(timing_settled, margin=MARGIN)
    timed = [_time(noise, 1.0, settled, LOOKS, random) for _ in range(trials)]
    held = [_holds(estimate_ratio(sessions)) for sessions in timed]
    setting = f"{FIRST} to {LOOKS[-1]} sessions, margin {100 * MARGIN:g} %, {noise.name}"
    return count("ratio: Student t over sessions, rounds until settled, 95 %", setting, "coverage", 0.95, held)


def _gate(noise: Noise, trials: int, random: np.random.Generator) -> list[Share]:
    """Timed until the gate decides: at exactly its limit it may seldom fail or pass; at twice that it should fail."""

    def status(sessions: list[Session]) -> str:
        return judge_ratio(sessions, sessions, GATE_MARGIN).status

    def statuses(ratio: float) -> list[str]:
        timed = (
            _time(noise, ratio, lambda found: status(found) != "undecided", GATE_LOOKS, random) for _ in range(trials)
        )
        return [status(sessions) for sessions in timed]

    looks = f"{GATE_LOOKS[0]} to {GATE_LOOKS[-1]} sessions, {noise.name}"
    limit, twice = statuses(1 + GATE_MARGIN), statuses(1 + 2 * GATE_MARGIN)
    found = [
        count(
            f"gate of latency: '{each}' at any look",
            f"slower by exactly {100 * GATE_MARGIN:g} %, {looks}",
            "error",
            GATE_ALPHA,
            [status == each for status in limit],
        )
        for each in ("fail", "pass")
    ]
    setting = f"slower by {200 * GATE_MARGIN:g} %, margin {100 * GATE_MARGIN:g} %, {looks}"
    missed = [status != "fail" for status in twice]
    return [*found, count("gate of latency: twice the margin is missed", setting, "share", None, missed)]


def _time(
    noise: Noise,
    ratio: float,
    enough: Callable[[list[Session]], bool],
    looks: Sequence[int],
    random: np.random.Generator,
) -> list[Session]:
    """Sessions until a look at them finds enough."""
    sessions: list[Session] = []
    for look in looks:
        sessions += noise.sessions(random, look - len(sessions), ratio)
        if enough(sessions):
            break
    return sessions
