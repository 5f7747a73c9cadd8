"""Numbers with units as they are typed: sizes, times and counts; and sizes as they are told."""

import re
from collections.abc import Callable, Mapping

import click

Parse = Callable[[str], float]


def _quantity(name: str, units: Mapping[str, float], example: str, most: float | None = None) -> Parse:
    """Of a number and one of several units, in upper or lower case: the amount in the unit whose factor is 1."""
    factors = {unit.lower(): factor for unit, factor in units.items()}

    def parse(text: str) -> float:
        found = re.fullmatch(r"(\d{1,15}(?:\.\d+)?|\.\d+)\s*([^\d\s.]*)", text.strip())
        factor = factors.get(found[2].lower()) if found else None
        if found is None or factor is None:
            raise click.BadParameter(f"'{text}' is not a {name}; write {example}, say")
        amount = float(found[1]) * factor
        if most is not None and amount > most:
            raise click.BadParameter(f"'{text}' is over {most:g}; write {example}, say")
        return int(amount) if amount.is_integer() else amount

    return parse


_DECIMAL = {"": 1.0, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
parse_count = _quantity("count", _DECIMAL, "100K or 1.5M")
parse_size = _quantity("size", _DECIMAL | {f"{prefix}B": each for prefix, each in _DECIMAL.items()}, "500MB or 2.5GB")
parse_share = _quantity("share", {"": 1.0, "%": 0.01}, ".9 or 90%", most=1.0)
parse_microseconds = _quantity("time", {"us": 1.0, "µs": 1.0, "ms": 1e3, "s": 1e6}, "50us or 1.2ms")


def size_text(count: int) -> str:
    """`12.3 MB`, as `parse_size` takes it."""
    value, unit = float(count), "B"
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
