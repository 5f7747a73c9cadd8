"""The run that a command is about: the latest of a suite, or one that is named."""

from kdbench.results.records import RunRecord
from kdbench.results.store import Store
from kdbench.spec import UserError, suite_name


def chosen_run(store: Store, suite: str, run: str | None = None) -> RunRecord:
    """The latest run of a suite, which is given by its name, its file, or as a part: `fashion@seeds=2`.

    With `run`: the one of all runs of the suite and its parts whose id begins or ends so. Raises
    `UserError` where there is none, or several.
    """
    name = suite_name(suite)
    if run is None:
        return store.latest_run(name, suite)
    ids = store.run_ids(name)
    found = [each for each in ids if run == each or each.startswith(run) or each.endswith(f"-{run}")]
    if len(found) != 1:
        what = f"{len(found)} runs of suite '{name}' are called '{run}'" if found else f"no run '{run}' of '{name}'"
        raise UserError(what, help=f"`kdbench runs {suite}` lists them; the last four characters of an id are enough")
    return store.read_run(ids[found[0]], found[0])
