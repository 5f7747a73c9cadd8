"""What other tools say of the same two files, each by its own rule; they time them one after the other."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from scipy.stats import mannwhitneyu

PERCENT = 10  # that `--benchmark-compare-fail` allows here
FACTOR = 1.1  # asv's own
P_VALUE = 0.002  # asv's own


@dataclass(frozen=True)
class AloneTimes:
    """One file as other tools time it: microseconds of single calls, and the samples of two processes."""

    calls: Sequence[float]
    samples: Sequence[float]


Rule = Callable[[AloneTimes, AloneTimes], bool]  # candidate, reference: whether the candidate is called slower


def mean_fails(candidate: AloneTimes, reference: AloneTimes) -> bool:
    """`pytest --benchmark-compare-fail=mean:10%`."""
    return fmean(candidate.calls) / fmean(reference.calls) * 100 - 100 > PERCENT


def minimum_fails(candidate: AloneTimes, reference: AloneTimes) -> bool:
    """`pytest --benchmark-compare-fail=min:10%`."""
    return min(candidate.calls) / min(reference.calls) * 100 - 100 > PERCENT


def asv_worsens(candidate: AloneTimes, reference: AloneTimes) -> bool:
    """`asv compare`: the median is higher by its factor, and Mann and Whitney's test finds the samples different."""
    test = mannwhitneyu(candidate.samples, reference.samples, method="exact")
    return bool(test.pvalue < P_VALUE) and median(reference.samples) < median(candidate.samples) / FACTOR


def threshold(margin: float) -> Rule:
    """The p50 of one run over that of another, held to the gate's margin: what a script in CI does."""

    def exceeds(candidate: AloneTimes, reference: AloneTimes) -> bool:
        return median(candidate.calls) / median(reference.calls) > 1 + margin

    return exceeds


def rules(margin: float) -> Mapping[str, Rule]:
    """By what a report calls them."""
    return {
        f"pytest-benchmark, mean:{PERCENT}%": mean_fails,
        f"pytest-benchmark, min:{PERCENT}%": minimum_fails,
        f"asv compare, factor {FACTOR:g}": asv_worsens,
        f"p50 of one run over the other's, limit {100 * margin:g} %": threshold(margin),
    }
