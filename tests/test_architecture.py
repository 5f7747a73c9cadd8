"""Who may import whom: the table of docs/design.md, held against every import statement.

Imports inside functions and under TYPE_CHECKING count like all others.
"""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "kdbench"

MAY_IMPORT = {
    "spec": set(),
    "statistics": set(),
    "zoo": {"spec"},
    "results": {"spec"},
    "train": {"spec", "zoo", "results"},
    "deploy": {"spec", "results", "statistics"},
    "analyze": {"spec", "statistics", "results"},
    "execute": {"spec", "statistics", "zoo", "train", "deploy", "results"},
    "report": {"spec", "statistics", "results", "analyze"},
    "cli": {"spec", "statistics", "zoo", "train", "deploy", "results", "analyze", "execute", "report", "api"},
    "api": {"spec", "zoo", "results", "analyze", "execute", "report", "cli"},  # of cli, the progress of a run
}
# Of each room with floors: what a floor may import of its own room, by the name of a folder or of a module beside it.
FLOORS = {
    "analyze": {
        "deployment": set(),
        "models": {"deployment"},
        "comparisons": {"models"},
        "teaching": {"models"},
        "decisions": {"comparisons", "models", "deployment", "summary"},
        "gate": {"comparisons", "decisions", "models"},
    },
    "cli": {
        "telling": set(),
        "records": {"complete", "failure", "options", "quantities", "restrict", "telling"},
    },
    "deploy": {
        "graph": set(),
        "runtime": set(),
        "export": {"graph", "runtime"},
        "foreign": {"graph", "runtime"},
        "timing": {"runtime"},
        "variants": {"graph"},
    },
    "execute": {
        "doctor": set(),
        "workers": set(),
        "jobs": {"workers"},
        "timing": {"events", "jobs", "workers"},
        "training": {"events", "jobs", "workers"},
        "selftest": {"events", "jobs", "timing", "workers"},
    },
    "report": {"writing": set(), "sections": {"writing"}, "check": {"writing"}},
}
LARGEST_FOLDER = 16  # modules; losses are looked up by name, not read one after the other
WITHOUT_TORCH = ("spec", "statistics", "results", "analyze", "report", "cli")


def imports(path: Path) -> set[str]:
    """Every module that a file imports, by absolute name."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            found.add(node.module or "")
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def modules() -> dict[str, Path]:
    """Every module of kdbench by its absolute name; a package goes by the name of its folder."""
    files = sorted(PACKAGE.rglob("*.py"))
    names = (".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts) for path in files)
    return {name.removesuffix(".__init__"): path for name, path in zip(names, files, strict=True)}


def rooms_of(modules: set[str]) -> set[str]:
    return {m.split(".")[1] for m in modules if m.startswith("kdbench.") and m.split(".")[1] in MAY_IMPORT}


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_rooms_import_only_what_the_table_allows(room: str) -> None:
    files = sorted((PACKAGE / room).rglob("*.py")) or [PACKAGE / f"{room}.py"]
    for path in files:
        strangers = rooms_of(imports(path)) - {room} - MAY_IMPORT[room]
        assert not strangers, f"{path.relative_to(PACKAGE)} imports {sorted(strangers)}"


def test_no_module_imports_itself_by_way_of_others() -> None:
    known = modules()
    # A name taken from a module that is a folder's is an import of that module, not of the folder.
    graph = {name: {each for each in imports(path) if each in known} for name, path in known.items()}
    for name, path in known.items():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and all(f"{node.module}.{each.name}" in known for each in node.names):
                graph[name].discard(str(node.module))
    TopologicalSorter(graph).prepare()  # raises `CycleError`, which names the modules of a circle


@pytest.mark.parametrize(("room", "floor"), [(room, floor) for room, floors in FLOORS.items() for floor in floors])
def test_a_floor_imports_only_those_below_it(room: str, floor: str) -> None:
    for path in sorted((PACKAGE / room / floor).rglob("*.py")):
        parts = [module.split(".") for module in imports(path)]
        own = {each[2] for each in parts if each[:2] == ["kdbench", room] and len(each) > 2}
        strangers = own - {floor} - FLOORS[room][floor]
        assert not strangers, f"{path.relative_to(PACKAGE)} imports {sorted(strangers)} of its room"


@pytest.mark.parametrize("room", FLOORS)
def test_every_floor_is_in_the_table(room: str) -> None:
    assert {path.parent.name for path in (PACKAGE / room).glob("*/__init__.py")} == FLOORS[room].keys()


def test_no_folder_is_crowded() -> None:
    folders = {path.parent for path in modules().values()} - {PACKAGE / "zoo" / "losses"}
    counts = {folder: sum(path.name != "__init__.py" for path in folder.glob("*.py")) for folder in folders}
    assert {folder: count for folder, count in counts.items() if count > LARGEST_FOLDER} == {}


def test_every_room_is_in_the_table() -> None:
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert rooms == set(MAY_IMPORT) - {"api"}


@pytest.mark.parametrize("room", WITHOUT_TORCH)
def test_rooms_that_know_no_torch(room: str) -> None:
    for path in sorted((PACKAGE / room).rglob("*.py")):
        named = {module.partition(".")[0] for module in imports(path)}
        assert not named & {"torch", "torchvision", "safetensors"}, path.relative_to(PACKAGE)


def test_only_the_command_line_prints() -> None:
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if name.startswith("cli/"):
            continue
        calls = [n for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.Call)]
        assert not any(isinstance(c.func, ast.Name) and c.func.id == "print" for c in calls), name


def test_no_file_has_a_name_that_says_nothing() -> None:
    empty = {"utils", "util", "helpers", "helper", "common", "misc", "manager"}
    assert not [path for path in PACKAGE.rglob("*.py") if path.stem in empty]


@pytest.mark.parametrize(
    ("code", "forbidden"),
    [
        ("import kdbench, kdbench.cli", {"torch", "pandas", "matplotlib", "pydantic", "numpy"}),
        ("from kdbench import api; api.plan(api.load_suite('quickstart'))", {"torch", "pandas", "matplotlib"}),
        ("import kdbench.analyze, kdbench.report", {"torch"}),
        ("import kdbench.execute.workers.worker, kdbench.execute.jobs.records", {"torch", "pandas", "onnxruntime"}),
        ("import kdbench.execute.jobs.timing", {"torch", "pandas", "matplotlib", "scipy"}),
    ],
)
def test_what_an_import_does_not_pull_in(code: str, forbidden: set[str]) -> None:
    report = f"{code}; import sys; print(*(set(sys.modules) & {forbidden!r}))"
    done = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_no_public_name_is_that_of_a_room() -> None:
    # Importing the room would put the module in the name's place.
    import kdbench

    assert not set(kdbench.__all__) & {path.stem for path in PACKAGE.iterdir()}
