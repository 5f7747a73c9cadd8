"""kdbench baseline"""

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kdbench.cli import options
from kdbench.cli.quantities import parse_size

if TYPE_CHECKING:
    from kdbench.results import Baseline, ResultSet


@click.command(
    name="baseline",
    epilog=options.examples("kdbench baseline my.toml --to baselines/my", "kdbench baseline fashion --run 830d"),
)
@options.stored_suite_argument
@click.option("--to", "folder", type=click.Path(path_type=Path), help="New folder. [default: baselines/SUITE]")
@click.option("--replace", is_flag=True, help="Freeze into the folder of an earlier baseline, in the place of it.")
@click.option("--force", is_flag=True, help="Freeze a gate too that is finer than what the seeds can show.")
@click.option(
    "--part",
    is_flag=True,
    help="Freeze a part of the suite, which `check` then needs the options of; or a run in which trials failed.",
)
@click.option(
    "--files", "outside", metavar="PATH", default="", help="Keep ONNX files elsewhere: a folder, or a URL of fsspec."
)
@click.option(
    "--max-size",
    type=parse_size,
    metavar="SIZE",
    default="20MB",
    show_default=True,
    help="Most that ONNX files may take in the folder.",
)
@click.option("--teachers", is_flag=True, help="Keep the teachers' ONNX files too, so that their latency is gated.")
@options.run_option
@options.plugin_option
@options.results_option
@options.json_option
def command(
    suite: str,
    folder: Path | None,
    replace: bool,
    force: bool,
    part: bool,
    outside: str,
    max_size: int,
    teachers: bool,
    run: str | None,
    plugins: tuple[str, ...],
    results: Path,
    as_json: bool,
) -> None:
    """Freeze a suite's latest results for `kdbench check`: which test samples each seed got right, counts and hashes.

    ONNX files are kept where a gate of the suite is of latency. Refused where the run is of a part of the suite
    (--seeds, --losses ...) or has failed trials, where SUITE is a file, or runs by name, and has changed since the
    run, and where the seeds show no drop of twice the limit of a gate, of top-1 half a point where the suite has none;
    or the machine no such slowdown.
    """
    from kdbench.analyze import what_the_gate_sees
    from kdbench.results import Store, freeze, load_run
    from kdbench.results.baselines.freezing import baseline_of, refuse_part
    from kdbench.results.runs.chosen import chosen_run

    store = Store(results)
    found = load_run(store, chosen_run(store, suite, run))
    if run is None:
        _refuse_another_suite(found, suite, plugins)
    if not part:
        refuse_part(found)
    if not force:
        _refuse_gates(baseline_of(found, teachers=teachers), found)
    target = folder or Path("baselines") / found.run.name
    where: dict[str, Any] = {"outside": outside, "largest": max_size, "replace": replace}
    frozen = freeze(found, store, target, teachers=teachers, **where)
    gate = what_the_gate_sees(frozen)
    if as_json:
        counts = {"trials": len(frozen.rows), "architectures": len(frozen.models)}
        counts["onnx_files"] = sum(bool(model.onnx) for model in frozen.models)
        click.echo(json.dumps({"folder": str(target), **counts, "gate": gate}, indent=1))
        return
    click.echo(f"{target}: {len(frozen.rows)} trials, {len(frozen.models)} architectures, {_kept(frozen)}")
    click.echo(gate)


def _kept(frozen: "Baseline") -> str:
    from kdbench.analyze.decisions.wording import several

    files = sum(bool(model.onnx) for model in frozen.models)
    if not files:
        return "no ONNX file: no gate is of latency"
    return several(files, "ONNX file") + (f" in '{frozen.files}'" if frozen.files else "")


def _refuse_another_suite(results: "ResultSet", suite: str, plugins: Sequence[str]) -> None:
    """Raise `UserError` where the suite that is given is not the one that was run: a check runs edited ones, too."""
    from kdbench.cli.records.edited import edits
    from kdbench.spec import UserError, suites

    if not suite.endswith(".toml") and suite not in suites():
        return  # the name of results alone
    if told := edits(results, suite, plugins):
        run = results.run.run_id
        first = shlex.join(["kdbench", "run", suite, *(word for name in plugins for word in ("-p", name))])
        raise UserError(
            f"'{suite}' is not what the latest run of '{results.run.name}' ran: {told}",
            help=f"run it first ({first}), or freeze that run knowingly: --run {run[-4:]}",
        )


def _refuse_gates(baseline: "Baseline", results: "ResultSet") -> None:
    """Raise `UserError` for gates that no check could judge, and for those finer than seeds and machine can show."""
    from kdbench.analyze import undetectable_gates, undetectable_slowdowns, unread_gates
    from kdbench.spec import Problem, UserError

    unread = f"evaluate it ({results.run.again}), drop the gate, or --force"
    problems = [Problem(what, help=unread) for what in unread_gates(baseline)]
    finer = "write that into the suite and run it, or freeze the gate as it is with --force"
    found = [*undetectable_gates(baseline), *undetectable_slowdowns(baseline, results.latencies)]
    problems += [Problem(what, help=finer) for what in found]
    if problems:
        raise UserError(problems)
