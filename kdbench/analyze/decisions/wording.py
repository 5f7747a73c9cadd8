"""Numbers as text, shared by sentences and reports: a true minus sign, and a dash where there is none."""

from kdbench.statistics.intervals import Interval

NONE = "\N{EM DASH}"
MINUS = "\N{MINUS SIGN}"


def percent(fraction: float | None) -> str:
    """0.91234 as '91.23 %'."""
    return NONE if fraction is None else f"{100 * fraction:.2f} %"


def points(difference: float | None) -> str:
    """0.0042 as '+0.42': percentage points with their sign."""
    if difference is None:
        return NONE
    text = f"{100 * difference:+.2f}"
    return text[1:] if text[1:] == "0.00" else text.replace("-", MINUS)  # a rounded nothing has no sign


def points_interval(interval: Interval | None) -> str:
    """'-0.10 to +0.94', in points."""
    return "" if interval is None else f"{points(interval.low)} to {points(interval.high)}"


def several(number: int, noun: str) -> str:
    """'1 seed', '3 seeds', '2 losses'."""
    plural = {"loss": "losses", "entry": "entries"}.get(noun, noun + "s")
    return f"{number:,} {noun if number == 1 else plural}"
