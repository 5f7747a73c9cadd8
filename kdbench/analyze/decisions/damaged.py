"""Which variants are not worth deploying, in sentences for the first screen: damaged, slower, or made to saturate."""

from collections.abc import Sequence

from kdbench.analyze.decisions.wording import percent, points
from kdbench.analyze.models.variants import LEAST_KEPT, MOST_FLIPS, VariantRow

SHOWN = 3  # of damaged variants, the worst first


def variant_warnings(rows: Sequence[VariantRow]) -> tuple[str, ...]:
    """Nothing where every variant is sound."""
    found = []
    if damaged := sorted((row for row in rows if row.damaged), key=lambda row: row.kept):
        named = "; ".join(map(_named, damaged[:SHOWN]))
        more = f"; and {len(damaged) - SHOWN} more" if len(damaged) > SHOWN else ""
        found.append(
            f"Damaged variants, which keep less than {100 * LEAST_KEPT:g} % of the exported file's top-1 or change the "
            f"answer on more than {100 * MOST_FLIPS:g} % of the test samples: {named}{more}."
        )
    # Of one architecture, all rows have one latency.
    if slower := {(row.variant, row.model): row.latency for row in rows if row.slower and row.latency}:
        named = "; ".join(
            f"{variant} of {model} ({ratio.estimate:.2f} times its latency, {ratio.low:.2f} to {ratio.high:.2f})"
            for (variant, model), ratio in slower.items()
        )
        found.append(f"Slower than the exported file on this machine: {named}.")
    if saturating := dict.fromkeys(row.variant for row in rows if row.saturates):
        found.append(
            f"Sums of 8-bit products saturate on the processor of this run, and the suite insists on weights of 8 bits "
            f"for {', '.join(saturating)}: with reduce_range = true, or without the option, weights take 7 bits."
        )
    return tuple(found)


def _named(row: VariantRow) -> str:
    change = points(row.change.mean)
    return f"{row.model} of '{row.row}' as {row.variant} ({change} points, {percent(row.flips)} changed)"
