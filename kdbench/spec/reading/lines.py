"""Where in a TOML text a part of it stands: tomllib keeps no positions."""

import re

from kdbench.spec.resolve import Location


def find_line(text: str, at: Location) -> int:
    """The line (from 1) of the deepest part of a location that the text shows."""
    lines = text.splitlines()
    best, start, end = 1, 0, len(lines)
    path: list[str] = []
    for i, part in enumerate(at):
        if isinstance(part, int):
            continue
        path.append(part)
        index = at[i + 1] if i + 1 < len(at) and isinstance(at[i + 1], int) else 0
        assert isinstance(index, int)
        header = re.compile(rf"\s*\[\[?\s*{re.escape('.'.join(path))}\s*\]\]?\s*(#.*)?$")
        headers = [n for n, line in enumerate(lines) if header.match(line)]
        if len(headers) > index:
            start = headers[index]
            end = next((n for n in range(start + 1, len(lines)) if lines[n].lstrip().startswith("[")), len(lines))
            best = start + 1
            continue
        key = re.compile(rf"(^|[{{,\s.])[\"']?{re.escape(part)}[\"']?\s*=")
        found = next((n for n in range(start, end) if key.search(lines[n])), None)
        if found is None:
            continue
        if all(lines[found].count(left) == lines[found].count(right) for left, right in ("[]", "{}")):
            end = found + 1  # the whole value stands on this line
        tables = [n for n in range(found, end) if "{" in lines[n]]  # an array of inline tables, one a line
        start = tables[index] if index and index < len(tables) else found
        best = start + 1
    return best
