"""The project's own baseline, which CI holds quickstart against (`make gate`), is of the suite as it is."""

from pathlib import Path

from kdbench import api
from kdbench.results import load_baseline
from kdbench.results.baselines.files import onnx_files

FOLDER = Path(__file__).parent.parent / "results" / "baselines" / "quickstart"


def test_the_baseline_holds_every_row_of_quickstart(tmp_path: Path) -> None:
    frozen, plan = load_baseline(FOLDER, "quickstart"), api.plan(api.load_suite("quickstart"))
    reported = {(e.pair, e.role, e.row, e.seed) for e in plan.entries if e.role in ("teacher", "student")}
    assert {(*row.place, row.seed) for row in frozen.rows} == reported
    assert len(onnx_files(frozen, FOLDER, tmp_path)) == 2  # read and held against their hashes
