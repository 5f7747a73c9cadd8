"""The Python interface: suites that are made in Python, and results as data frames."""

import pwd
import re
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pandas as pd
import pytest

import kdbench
from kdbench import api
from kdbench.analyze import GateEntry, Verdict
from kdbench.analyze.comparisons.changes import Change
from kdbench.execute import run as execute_run
from kdbench.results.baselines.freezing import baseline_of
from kdbench.spec import Suite, UserError
from tests.records import Shape, make_results, make_suite
from tests.stored import store_results

PAGE = (Path(__file__).parent.parent / "docs" / "python.md").read_text("utf-8")
PAIRS = [{"teacher": "mlp", "student": {"use": "mlp", "hidden": [8]}}]


def made(**changes: object) -> kdbench.Suite:
    content: dict[str, object] = {"name": "mine", "data": "digits", "pairs": PAIRS, "losses": ["kd"], **changes}
    return kdbench.Suite(**content)  # type: ignore[arg-type]


def test_a_sound_suite_is_that_of_the_same_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        'name = "mine"\ndata = "digits"\nlosses = ["kd"]\n[[pairs]]\nteacher = "mlp"\n'
        'student = { use = "mlp", hidden = [8] }\n'
    )
    assert made() == api.load_suite(file)


def test_records_may_stand_for_tables() -> None:
    pair = kdbench.Pair.model_validate(PAIRS[0])
    assert made(pairs=[pair], train=kdbench.TrainSpec(epochs=3)) == made(train={"epochs": 3})


def test_all_that_is_wrong_is_told_when_it_is_made() -> None:
    with pytest.raises(UserError) as caught:
        made(losses=[{"use": "kd", "temprature": 4.0}, "kdd"], pairs=[{"teacher": "mlp"}], seed=3)
    text = str(caught.value)
    assert "unknown option 'temprature' at losses[0].temprature" in text
    assert "unknown loss 'kdd' at losses[1]" in text
    assert "missing key 'student' at pairs[0]" in text
    assert "unknown key 'seed'" in text
    assert text.count("error:") == 4


def test_what_a_plugin_brings_is_looked_up_in_the_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine_too.py").write_text("def loss(student, labels, *, scale: float = 1.0):\n    return 0.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    suite = made(losses=[{"use": "mine_too:loss", "scael": 2.0}])
    with pytest.raises(UserError, match="unknown option 'scael'"):
        api.plan(suite, ["mine_too"])
    with pytest.raises(UserError, match="unknown model 'torchvision:resnet1'"):
        made(pairs=[{"teacher": "torchvision:resnet1", "student": "mlp"}])


def frames() -> dict[str, pd.DataFrame]:
    """Every frame of a run that has all there is."""
    shape = Shape(
        losses=("cross_entropy", "kd"),
        temperatures=(2.0, 4.0),
        conditions=("noise",),
        variants=("fp32", "fp16"),
        metrics=("macro_f1",),
        readings=lambda row, seed, epoch: {"temperature": 4.0},
        not_measured=[("cuda", "no GPU")],
    )
    results = api.Results(make_results(shape))
    names = ("frame", "gains", "curves", "conditions", "latencies")
    return {name: getattr(results, name)() for name in names}


def test_every_column_is_documented() -> None:
    common, *sections = re.split(r"\n`results\.(?=\w+\(\)`: one row)", PAGE)
    tables = {section.partition("(")[0]: _columns(section) for section in sections}
    shared = _columns(common)
    for name, frame in frames().items():
        own = {re.sub(r"^(metric|reading|setting) .*", r"\1 NAME", column) for column in frame.columns}
        left_out = {"latencies": shared, "gains": {"role", "seed", "key"}}.get(name, set())
        assert own == tables[name] | (shared - left_out), name


def _columns(text: str) -> set[str]:
    cells = re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def test_the_latest_run_is_found_by_its_suite(tmp_path: Path) -> None:
    results = make_results(Shape())
    store_results(tmp_path, results)
    assert api.load_results("example", tmp_path).frame().equals(api.Results(results).frame())
    with pytest.raises(UserError, match="no results of suite 'fashion'"):
        api.load_results("fashion", tmp_path)


def test_without_a_home_only_what_needs_one_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def nameless(_: int) -> None:
        raise KeyError("uid not found")

    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", nameless)
    with pytest.raises(UserError, match=r"no home folder to keep data in.*\n.*--data"):
        api.place(data=api._home() / ".cache" / "kdbench")
    assert api.place(data=tmp_path).data_root == tmp_path


def checked(*entries: GateEntry) -> api.Checked:
    """A check that found this."""
    records = make_results(Shape())
    changed = {"suite": (Change("train.epochs", 8, 1),)}
    verdict = Verdict("example", entries, rebaseline="kdbench run example.toml", changed=changed)
    return api.Checked(baseline_of(records), records, (), verdict)


FALLEN = GateEntry("top1", "p / student / kd", "regressed", "−2.00 points, allowed −0.50", 0.9, 0.88)
OPEN = GateEntry("top1", "p / student / dkd", "inconclusive", "−0.60 points, allowed −0.50", 0.9, 0.894)
SAME = GateEntry("flops", "p / student", "pass", "900 FLOPs as before", 900, 900)


def test_a_regression_fails_the_assertion_with_its_sentence_and_what_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "check", lambda *given, **more: checked(SAME, FALLEN))
    with pytest.raises(AssertionError) as caught:
        kdbench.assert_no_regression("example.toml", "base", strict=False)
    assert str(caught.value).splitlines() == [
        "Regression: example",
        "- p / student / kd: top-1 regressed: −2.00 points, allowed −0.50",
        "what changed since the baseline:",
        "  suite: train.epochs was 8, is 1",
        "If the regression is meant, freeze the present figures as the new baseline: kdbench run example.toml",
    ]


@pytest.mark.parametrize(("entries", "strict", "fails"), [((SAME,), True, False), ((SAME, OPEN), True, True),
                                                          ((SAME, OPEN), False, False), ((), False, True)])  # fmt: skip
def test_what_is_open_fails_under_strict_and_nothing_measured_always(
    entries: tuple[GateEntry, ...], strict: bool, fails: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "check", lambda *given, **more: checked(*entries))
    with pytest.raises(AssertionError) if fails else nullcontext():
        kdbench.assert_no_regression("example.toml", "base", strict=strict)


def test_the_assertion_passes_on_what_a_check_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, object] = {}
    monkeypatch.setattr(api, "check", lambda *asked, **more: given.update(more) or checked(SAME))
    kdbench.assert_no_regression("example.toml", "base", only=("top1",), no_latency=True, max_seeds=15)
    assert given == {"only": ("top1",), "no_latency": True, "max_seeds": 15}


@pytest.mark.parametrize(("max_seeds", "runs"), [(None, [5]), (20, [5, 20])])
def test_a_check_trains_more_seeds_once_where_seeds_decide_nothing(
    max_seeds: int | None, runs: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def before(pair: int, row: str, seed: int) -> float:
        return 0.9 + 0.002 * ((2 * seed) % 5 - 2)

    def after(pair: int, row: str, seed: int) -> float:
        return 0.889 + 0.002 * ((3 * seed + 1) % 5 - 2) if row == "kd" else before(pair, row, seed)

    asked: list[int] = []

    def run_suite(suite: Suite, *_: object, **__: object) -> Iterator[object]:
        asked.append(len(suite.seeds))
        yield from ()
        return make_results(Shape(seeds=len(suite.seeds), accuracy=after, samples=10_000))

    shape = Shape(seeds=5, accuracy=before, samples=10_000)
    monkeypatch.setattr(execute_run, "run_suite", run_suite)
    monkeypatch.setattr(api, "load_run", lambda store, run: run)
    monkeypatch.setattr(api, "load_baseline", lambda folder, name: baseline_of(make_results(shape)))
    found = api.check(make_suite(shape), tmp_path, api.place(tmp_path), max_seeds=max_seeds)
    assert asked == runs
    assert found.verdict.status == "regressed"  # five seeds show it at one look, and not where two share the error
