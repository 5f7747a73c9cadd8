"""Numbers and names as text, shared by sentences and reports: a true minus sign, and a dash where there is none."""

from collections.abc import Iterable, Sequence

from kdbench.analyze.models.rows import Equal, StudentRow
from kdbench.statistics.intervals import Interval
from kdbench.statistics.paired import PairedDifference

NONE = "\N{EM DASH}"
MINUS = "\N{MINUS SIGN}"
EQUAL: dict[Equal, str] = {
    "epochs": "equal epochs",
    "cost": "equal cost of training",
    "shared cost": "equal cost as it was shared here",
}


def percent(fraction: float | None) -> str:
    """0.91234 as '91.23 %'."""
    return NONE if fraction is None else f"{100 * fraction:.2f} %"


def points(difference: float | None) -> str:
    """0.0042 as '+0.42': percentage points with their sign."""
    if difference is None:
        return NONE
    text = f"{100 * difference:+.2f}"
    return text[1:] if text[1:] == "0.00" else text.replace("-", MINUS)  # a rounded nothing has no sign


def spread(difference: float | None) -> str:
    """0.0042 as '0.42': a spread in percentage points, or a loss that is said to be one."""
    return NONE if difference is None else f"{100 * difference:.2f}"


def points_interval(interval: Interval | None) -> str:
    """'-0.10 to +0.94', in points."""
    return "" if interval is None else f"{points(interval.low)} to {points(interval.high)}"


def several(number: int, noun: str) -> str:
    """'1 seed', '3 seeds', '2 losses'."""
    plural = {"loss": "losses", "entry": "entries"}.get(noun, noun + "s")
    return f"{number:,} {noun if number == 1 else plural}"


def judged(difference: PairedDifference | None) -> str:
    """'+3.00 points (95 % interval +2.80 to +3.20)'."""
    if difference is None:
        return "no seed in common"
    interval = difference.estimate.interval
    shown = f" (95 % interval {points_interval(interval)})" if interval else ""
    return f"{points(difference.estimate.mean)} points{shown}"


def named(row: StudentRow) -> str:
    """'small taught by kd', 'small trained alone for 2 x epochs', 'small trained with labels alone under scarce'."""
    if not row.alone:
        return f"{row.model} {'taught by' if row.agreement else 'trained with'} {called(row)}"
    longer = f" for {row.budget:.3g} x epochs" if row.budget != 1 else ""
    how = f"with labels alone under {row.teaching}" if row.teaching else "alone"
    return f"{row.model} trained {how}{longer}" + (", tuned" if row.tuned else "")


def quoted(names: Iterable[str]) -> str:
    """''kd', 'dist, tuned'': names that may have commas in them, each once."""
    return ", ".join(f"'{name}'" for name in dict.fromkeys(names))


def called(row: StudentRow) -> str:
    """'kd', and in quotation marks where there are commas in it."""
    return f"'{row.row}'" if "," in row.row else row.row


def listed(names: Sequence[str], most: int, comma: str = ", ") -> str:
    """'kd, dist and dkd', or 'kd, dist and 5 more'. Names that have commas in them are parted by '; '."""
    if len(names) > most:
        return f"{comma.join(names[: most - 1])} and {len(names) - most + 1} more"
    return " and ".join(filter(None, (comma.join(names[:-1]), *names[-1:])))
