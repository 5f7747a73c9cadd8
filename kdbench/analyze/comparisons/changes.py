"""What differs between two runs: in the suite, in packages and machine, and in the figures of their rows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from pydantic import JsonValue

from kdbench.analyze.models.rows import ModelRow
from kdbench.spec.errors import as_toml
from kdbench.statistics.paired import PairedDifference, crossed_difference, paired_difference

# Facts of a machine that are the same for every run on it; versions of packages stand apart.
MACHINE = (
    "system", "python", "cpu", "instruction_set", "physical_cores", "timing_cores", "cpu_quota", "hypervisor",
    "governor", "memory_bytes", "allocator", "gpus", "kdbench_source", "kdbench_commit", "commit",
)  # fmt: skip
Json = Mapping[str, JsonValue]


@dataclass(frozen=True)
class Change:
    """One value that differs; None stands for one that is not there."""

    what: str
    before: JsonValue
    after: JsonValue

    @property
    def sentence(self) -> str:
        """`train.epochs was 8, is 15`. What stands for a plug-in's source tells a reader nothing."""
        if self.what.endswith(".origin"):
            return f"the source code of {self.what.removesuffix('.origin')} has changed"
        was, now = ("not there" if value is None else as_toml(value) for value in (self.before, self.after))
        return f"{self.what} was {was}, is {now}"


@dataclass(frozen=True)
class ComparedRow:
    """A row of two runs, or of a loss and another: the second minus the first, by seed."""

    before: ModelRow
    after: ModelRow
    difference: PairedDifference | None  # of test top-1; None without a seed in common

    @property
    def means(self) -> tuple[float, float]:
        """Test top-1 of both over the seeds that the difference is of; over all of each where there is none."""
        if self.difference is None:
            return self.before.top1.mean, self.after.top1.mean
        first, second = (
            fmean(row.test_by_seed[seed] for seed in self.difference.seeds) for row in (self.before, self.after)
        )
        return first, second

    @property
    def cost(self) -> float | None:
        """Seconds of training, each alone, of the second over the first."""
        first = self.before.training.alone_seconds
        return self.after.training.alone_seconds / first if first else None


def suite_changes(before: Json, after: Json) -> tuple[Change, ...]:
    """Keys of two resolved suites that differ: 'losses.kd.temperature'."""
    return tuple(_changes(_tables(before), _tables(after)))


def machine_changes(before: Json, after: Json) -> tuple[Change, ...]:
    """Facts of the machine that differ, without the load at the time and the packages."""
    first, second = ({name: facts.get(name) for name in MACHINE} for facts in (before, after))
    return tuple(_changes(first, second))


def package_changes(before: Json, after: Json) -> tuple[Change, ...]:
    """Packages whose versions differ."""
    first, second = (found if isinstance(found := facts.get("versions"), dict) else {} for facts in (before, after))
    return tuple(_changes(first, second))


def compare_rows(before: Sequence[ModelRow], after: Sequence[ModelRow], *, same_test: bool) -> tuple[ComparedRow, ...]:
    """The rows of one name in both, in the order of the second; on the same test samples paired by these, too."""
    named = {row.name: row for row in before}
    return tuple(compare_row(named[row.name], row, same_test=same_test) for row in after if row.name in named)


def compare_row(before: ModelRow, after: ModelRow, *, same_test: bool) -> ComparedRow:
    """Two rows that need not have one name."""
    if same_test:
        return ComparedRow(before, after, crossed_difference(after.scores, before.scores))
    return ComparedRow(before, after, paired_difference(after.test_by_seed, before.test_by_seed))


def _changes(before: Json, after: Json, path: str = "") -> Iterator[Change]:
    """Every value that differs, by its dotted path; a table that one side lacks is one value."""
    for name in dict.fromkeys((*before, *after)):
        first, second = before.get(name), after.get(name)
        if isinstance(first, dict) and isinstance(second, dict):
            yield from _changes(first, second, f"{path}{name}.")
        elif first != second:
            yield Change(path + name, first, second)


def _tables(table: Json) -> dict[str, JsonValue]:
    """A suite's table without what is empty. Tables in a list go by their names, and options belong to their table."""
    found: dict[str, JsonValue] = {}
    for name, value in table.items():
        if isinstance(value, list) and any(isinstance(each, dict) for each in value):
            value = {_name(each): each for each in value if isinstance(each, dict)}
        if isinstance(value, dict):
            found |= _tables(value) if name == "options" else {name: _tables(value)}
        elif value not in (None, "", []):
            found[name] = value
    return found


def _name(table: Json) -> str:
    gate = " ".join(str(table[key]) for key in ("metric", "condition", "variant") if table.get(key))
    return str(table.get("name") or table.get("use") or gate)
