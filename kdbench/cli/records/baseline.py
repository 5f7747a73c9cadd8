"""kdbench baseline"""

import json
from pathlib import Path

import click

from kdbench.cli import options


@click.command(
    name="baseline",
    epilog=options.examples("kdbench baseline my.toml --to baselines/my", "kdbench baseline fashion --run 830d"),
)
@options.stored_suite_argument
@click.option("--to", "folder", type=click.Path(path_type=Path), help="New folder. [default: baselines/SUITE]")
@click.option("--force", is_flag=True, help="Freeze a gate too that is finer than what the seeds can show.")
@click.option("--part", is_flag=True, help="Freeze a part of the suite: `check` then needs the options of that part.")
@options.run_option
@options.results_option
@options.json_option
def command(
    suite: str, folder: Path | None, force: bool, part: bool, run: str | None, results: Path, as_json: bool
) -> None:
    """Freeze a suite's latest results: per-seed accuracies, counts and ONNX files, for `kdbench check`.

    Refused where the run is of a part of the suite (--seeds, --losses ...), and where the seeds show no drop of twice
    the limit: that of the suite's gates, or half a point.
    """
    from kdbench.analyze import undetectable_gates, what_the_gate_sees
    from kdbench.results import Store, freeze, load_run
    from kdbench.results.baseline import baseline_of
    from kdbench.results.runs.chosen import chosen_run
    from kdbench.spec import Problem, UserError

    store = Store(results)
    found = load_run(store, chosen_run(store, suite, run))
    if found.run.part and not part:
        help = "leave --run out for the latest run of the whole suite, or give --part"
        raise UserError(f"the run {found.run.run_id} is of a part of its suite: {found.run.part}", help=help)
    if not force and (finer := undetectable_gates(baseline_of(found))):
        raise UserError(Problem(what, help="write may_drop under [[gates]], add seeds, or --force") for what in finer)
    target = folder or Path("baselines") / found.run.name
    frozen = freeze(found, store, target)
    gate = what_the_gate_sees(frozen)
    if as_json:
        counts = {"trials": len(frozen.rows), "architectures": len(frozen.models)}
        click.echo(json.dumps({"folder": str(target), **counts, "gate": gate}, indent=1))
        return
    click.echo(f"{target}: {len(frozen.rows)} trials, {len(frozen.models)} architectures")
    click.echo(gate)
