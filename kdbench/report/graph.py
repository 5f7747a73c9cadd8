"""The trials of a suite as a graph in text: what each row's student needs, for one seed."""

import re
from collections.abc import Iterator, Sequence

from kdbench.spec import Entry, Plan

NUMBER = re.compile(r"\d+")
LONGEST = 4  # lines that may alternate: the clients and the server of a round
FEWEST = 3  # repetitions that are folded
MOST_ROWS = 4  # that are named together
TAUGHT = ("teacher", "member")  # trials that rows share


def graph_text(plan: Plan) -> str:
    """Row by row, what is trained before its student and what it learns from; rows of one graph stand together.

    Trials of one row that come at the same time from likewise trials are one line. Lines that go on alike are folded.
    """
    lines: list[str] = []
    for pair in dict.fromkeys(entry.pair for entry in plan.entries):
        lines += [pair, *_pair(plan, [entry for entry in plan.entries if entry.pair == pair])]
    return "\n".join(lines)


def _pair(plan: Plan, entries: Sequence[Entry]) -> Iterator[str]:
    students: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.role == "student":
            students.setdefault(entry.row, []).append(entry)
    drawn: dict[tuple[str, ...], list[str]] = {}
    for row, seeds in students.items():
        drawn.setdefault(tuple(folded(_lines(plan, seeds[0]))), []).append(row)
    for lines, rows in drawn.items():
        count = len(students[rows[0]])
        more = f"; {len(rows) - MOST_ROWS} rows more" if len(rows) > MOST_ROWS else ""
        yield f"  {'; '.join(rows[:MOST_ROWS])}{more} ({count} seed{'s' * (count > 1)})"
        yield from (f"    {line}" for line in lines)


def _lines(plan: Plan, reported: Entry) -> list[str]:
    """One line for each group of trials behind a student, in the order of training."""
    entries = {entry.key: entry for entry in plan.entries if entry.row == reported.row or entry.role in TAUGHT}
    depths = {key: depth for depth, wave in enumerate(plan.waves) for key in (trial.key for trial in wave)}
    found, waiting = {reported.key}, [reported.key]
    while waiting:
        parents = [key for key in plan.trials[waiting.pop()].parents if key not in found]
        found.update(parents)
        waiting += parents
    groups: dict[str, list[str]] = {}
    for key in sorted(found, key=lambda key: depths[key]):
        groups.setdefault(_title(plan, key, entries, reported), []).append(key)
    titles = {key: title for title, keys in groups.items() for key in keys}
    return [_line(plan, title, keys, titles) for title, keys in groups.items()]


def _title(plan: Plan, key: str, entries: dict[str, Entry], reported: Entry) -> str:
    """'teacher cnn(width=32)', 'step 2 cnn(width=8)'."""
    if key == reported.key:
        trial = plan.trials[key]
        heads = " and ".join(trial.deploys)
        return f"student {reported.model}" + (f", {heads} of {trial.model.use}" if heads else "")
    entry = entries.get(key)
    if entry is None:
        return f"step {plan.trials[key].model.use}"
    place = f" {entry.position}" if entry.role in ("step", "stage") else ""
    role = "teacher" if entry.role == "member" else entry.role
    return f"{role}{place} {entry.model}"


def _line(plan: Plan, title: str, keys: Sequence[str], titles: dict[str, str]) -> str:
    trials = [plan.trials[key] for key in keys]
    start, taught = (
        [titles[key] for trial in trials for key in source] for source in (trials[0].start, trials[0].teachers)
    )
    told = [f"from the weights of {_of(start, len(trials))}"] if start else []
    told += [f"taught by {_of(taught, len(trials))}"] if taught else []
    count = f"{len(trials)} x " if len(trials) > 1 else ""
    merged = " (their mean)" if not trials[0].train.epochs and len(trials[0].start) > 1 else ""
    return f"{count}{title}" + (f" <- {', '.join(told)}{merged}" if told else "")


def _of(titles: Sequence[str], repeated: int) -> str:
    """'4 x step 1 cnn(width=8)': each kind once, with how many of it one trial has."""
    kinds = {title: titles.count(title) // repeated for title in dict.fromkeys(titles)}
    return " and ".join(f"{count} x {title}" if count > 1 else title for title, count in kinds.items())


def folded(lines: Sequence[str]) -> list[str]:
    """Lines of which some go on alike but for their numbers: the first of these, and how often they come again."""
    found: list[str] = []
    at = 0
    while at < len(lines):
        period, times = _repeated([NUMBER.sub("#", line) for line in lines[at:]])
        found += lines[at : at + period]
        if times > 1:
            each = "likewise" if period == 1 else f"these {period} likewise"
            found.append(f"... {each}, {times} times in all, up to {lines[at + period * times - 1]}")
        at += period * times
    return found


def _repeated(kinds: Sequence[str]) -> tuple[int, int]:
    """How many lines come again at once, and how often in all; (1, 1) where none do at least `FEWEST` times."""
    for period in range(1, LONGEST + 1):
        times = 1
        while kinds[period * times : period * (times + 1)] == kinds[:period] and len(kinds) >= period * (times + 1):
            times += 1
        if times >= FEWEST:
            return period, times
    return 1, 1
