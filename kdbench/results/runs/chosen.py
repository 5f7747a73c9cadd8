"""The run that a command is about: the latest of a suite, or one that is named."""

from kdbench.results.records import RunRecord
from kdbench.results.store import Store
from kdbench.spec import UserError, suite_name, suites


def chosen_run(store: Store, suite: str, run: str | None = None) -> RunRecord:
    """The latest run of a suite, which is given by its name, its file, or as a part: `fashion@seeds=2`.

    With `run`: the one of all runs of the suite and its parts whose id begins or ends so. Raises
    `UserError` where there is none, or several.
    """
    name = suite_name(suite)
    if run is None:
        known = suite.endswith(".toml") or suite in suites()
        return store.latest_run(name, suite if known else "SUITE.toml")
    ids = store.run_ids(name)
    found = [each for each in ids if _is_called(each, run)]
    if len(found) != 1:
        what = f"{len(found)} runs of suite '{name}' are called '{run}'" if found else f"no run '{run}' of '{name}'"
        raise UserError(what, help=f"`kdbench runs {suite}` lists them; the last four characters of an id are enough")
    return store.read_run(ids[found[0]], found[0])


def find_run(store: Store, name: str) -> RunRecord | None:
    """The latest run of a suite or part of this name, or the only run of any suite whose id begins or ends so."""
    folder = suite_name(name) if name.endswith(".toml") or name not in store.suites() else name
    if folder in store.suites():
        return store.latest_run(folder)
    ids = {run_id: suite for suite in store.suites() for run_id in store.run_ids(suite)}
    found = [each for each in ids if _is_called(each, name)]
    return store.read_run(store.run_ids(ids[found[0]])[found[0]], found[0]) if len(found) == 1 else None


def _is_called(run_id: str, text: str) -> bool:
    return bool(text) and (run_id.startswith(text) or run_id.endswith(f"-{text}"))
