"""The tables of `docs/fidelity.md`, from `fidelity.json`."""

from benchmarks.fidelity.analysis import Ratio, ratios
from benchmarks.harness import Content
from benchmarks.presentation import Tables, markdown, measured_on

HEAD = ("network", "ratio", "kdbench, us", "median", "least to most", "repeats", "goal", "met")


def fidelity(content: Content) -> str:
    """Every ratio, with its spread over the repeats and its goal."""
    if not content["units"]:
        return ""
    rows = [
        (
            f"{one.network}: {content['networks'][one.network]}",
            one.what,
            f"{one.microseconds:.1f}",
            f"{one.median:.4f}",
            f"{min(one.values):.4f} to {max(one.values):.4f}",
            str(len(one.values)),
            _goal(one),
            one.met,
        )
        for one in ratios(content)
    ]
    return markdown(HEAD, rows)


def _goal(ratio: Ratio) -> str:
    if ratio.high is None:
        return ""
    return f"{ratio.low:.2f} to {ratio.high:.2f}" if ratio.low else f"at most {ratio.high:.2f}"


TABLES: Tables = {"measured-on": measured_on, "fidelity": fidelity}
