"""kdbench baseline"""

from pathlib import Path

import click

from kdbench.cli import options


@click.command(name="baseline")
@options.stored_suite_argument
@click.option("--to", "folder", type=click.Path(path_type=Path), help="New folder. [default: baselines/SUITE]")
@click.option("--force", is_flag=True, help="Freeze a gate too that is finer than what the seeds can show.")
@options.results_option
def command(suite: str, folder: Path | None, force: bool, results: Path) -> None:
    """Freeze a suite's latest results: per-seed accuracies, counts and ONNX files, for `kdbench check`.

    Refused where the seeds show no drop of twice the limit: that of the suite's gates, or half a point.
    """
    from kdbench.analyze import undetectable_gates, what_the_gate_sees
    from kdbench.results import Store, freeze, load_suite_results
    from kdbench.results.baseline import baseline_of
    from kdbench.spec import Problem, UserError, suite_name

    store = Store(results)
    found = load_suite_results(store, suite_name(suite))
    if not force and (finer := undetectable_gates(baseline_of(found))):
        raise UserError(Problem(what, help="write may_drop under [[gates]], add seeds, or --force") for what in finer)
    target = folder or Path("baselines") / found.run.name
    frozen = freeze(found, store, target)
    click.echo(f"{target}: {len(frozen.rows)} trials, {len(frozen.models)} architectures")
    click.echo(what_the_gate_sees(frozen))
