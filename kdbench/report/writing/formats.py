"""Numbers as text: with units, few digits, a true minus sign, and a dash where there is none."""

from kdbench.analyze.decisions.wording import MINUS, NONE, percent, points, points_interval, several, spread
from kdbench.statistics.intervals import Interval
from kdbench.statistics.ratios import RatioEstimate

__all__ = [
    "MINUS", "NONE", "byte_size", "count", "microseconds", "number", "number_interval", "p_value", "percent",
    "percent_interval", "points", "points_interval", "ratio_interval", "retention_interval",
    "seconds", "several", "spread",
    "thousandths", "thousandths_interval", "times", "whole_percent_interval",
]  # fmt: skip


def percent_interval(interval: Interval | None) -> str:
    """'90.80 to 91.60': of a share, in percent; it ends at 0 and at 100, as shares do."""
    if interval is None:
        return ""
    low, high = (min(max(100 * end, 0.0), 100.0) for end in (interval.low, interval.high))
    return f"{low:.2f} to {high:.2f}"


def retention_interval(interval: Interval | None) -> str:
    """'99.20 to 101.40', in percent: a student may be better than its teacher."""
    return "" if interval is None else _signed(f"{100 * interval.low:.2f} to {100 * interval.high:.2f}")


def whole_percent_interval(interval: Interval | None) -> str:
    """'-12 to 48', in percent without decimals."""
    return "" if interval is None else _signed(f"{100 * interval.low:.0f} to {100 * interval.high:.0f}")


def number(value: float | None) -> str:
    """0.0912, 1.23, 45.6: three significant digits, without a unit."""
    return NONE if value is None else _three(value)


def thousandths(value: float | None) -> str:
    """'0.091': three decimals, so that a column lines up."""
    return NONE if value is None else _signed(f"{value:.3f}")


def thousandths_interval(interval: Interval | None) -> str:
    """'0.071 to 0.111'."""
    return "" if interval is None else f"{thousandths(interval.low)} to {thousandths(interval.high)}"


def number_interval(interval: Interval | None) -> str:
    """'0.81 to 2.34'."""
    return "" if interval is None else f"{_three(interval.low)} to {_three(interval.high)}"


def p_value(p: float | None) -> str:
    """Three decimals, or '< 0.001'."""
    return NONE if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}"


def times(ratio: float | None) -> str:
    """A ratio: '8.0x'."""
    return NONE if ratio is None else f"{_three(ratio)}\N{MULTIPLICATION SIGN}"


def ratio_interval(ratio: RatioEstimate | None) -> str:
    """'5.41× (5.32 to 5.50)': a ratio with its 95 % interval."""
    return NONE if ratio is None else f"{times(ratio.estimate)} ({_close(ratio.low)} to {_close(ratio.high)})"


def _close(ratio: float) -> str:
    """Three decimals near 1, where they matter."""
    return f"{ratio:.3f}" if ratio < 2 else _three(ratio)


def count(number: float | None) -> str:
    """12345 as '12,345'; from a million on '1.23 M'."""
    if number is None:
        return NONE
    for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M")):
        if abs(number) >= size:
            return f"{_three(number / size)} {unit}"
    return _signed(f"{number:,.0f}") if abs(number) >= 100 or number == int(number) else _three(number)


def byte_size(size: float | None) -> str:
    """51200 as '50.0 KiB'."""
    if size is None:
        return NONE
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            return f"{_three(size)} {unit}" if unit != "B" else f"{size:.0f} B"
        size /= 1024
    raise AssertionError("unreachable: GiB takes every size")


def microseconds(time: float | None) -> str:
    """42.1 as '42.1 µs'; from a thousand on in milliseconds."""
    if time is None:
        return NONE
    return f"{_three(time)} µs" if time < 1000 else f"{_three(time / 1000)} ms"


def seconds(time: float | None) -> str:
    """'850 ms', '12.3 s', '4 min 05 s', '2 h 03 min'."""
    if time is None:
        return NONE
    if time < 1:
        return f"{_three(1e3 * time)} ms"
    if time < 120:
        return f"{_three(time)} s"
    whole = round(time)
    return f"{whole // 60} min {whole % 60:02} s" if whole < 7200 else f"{whole // 3600} h {whole % 3600 // 60:02} min"


def _three(number: float) -> str:
    """Three significant digits, no exponent."""
    size = abs(number)
    digits = 0 if size >= 99.95 else 1 if size >= 9.995 else 2 if size >= 0.0995 or size == 0 else 4
    return _signed(f"{number:,.{digits}f}")


def _signed(text: str) -> str:
    return text.replace("-", MINUS)
