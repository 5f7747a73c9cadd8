"""Metrics of finished models: once each, of the exported file, and nothing that breaks a run."""

import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from kdbench.execute.jobs.metrics import NoFigure, compute_metric
from kdbench.execute.workers.messages import Evaluated, Message, TrialEnded
from kdbench.results import Store, load_suite_results
from kdbench.results.records import MetricRecord
from kdbench.results.store import metric_key
from kdbench.spec import Choice, NamedChoice, Suite
from kdbench.zoo import Catalog
from tests.execute.running import place, run
from tests.small import small_suite
from tests.zoo.metrics.test_metrics import LABELS, LOGITS

TOP_1 = {"use": "top_k", "k": 1}
THEIRS = """\
import numpy as np
from kdbench.zoo.interface import NotApplicable


def fussy(logits, labels):
    raise NotApplicable("it wants a thousand classes")


def broken(logits, labels):
    raise RuntimeError("struck by lightning")


def not_finite(logits, labels):
    return np.float32("nan")


def many(logits, labels):
    return logits.mean(axis=0)


def yes(logits, labels):
    return True


def sorts(logits, labels):
    logits.sort(axis=1)
    return 0.0


def whole(logits, labels):
    return len(labels)


def scalar(logits, labels):
    return np.asarray(logits.mean())
"""


def suite(*metrics: object, **changes: object) -> Suite:
    return small_suite(**{"seeds": 1, "latency": {"batch_sizes": []}, "metrics": list(metrics), **changes})


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a teacher and two students, and one metric."""
    root = tmp_path_factory.mktemp("trained")
    run(suite(TOP_1), place(root))
    return root


@pytest.fixture
def root(trained: Path, tmp_path: Path) -> Iterator[Path]:
    return Path(shutil.copytree(trained, tmp_path / "results"))


@pytest.fixture
def theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "their_metrics.py").write_text(THEIRS)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("their_metrics", None)


def evaluated(heard: Iterable[Message]) -> list[tuple[str, int, int]]:
    return [(message.what, message.models, message.of) for message in heard if isinstance(message, Evaluated)]


def test_a_metric_is_of_the_exported_model_on_the_test_split(trained: Path) -> None:
    results = load_suite_results(Store(trained), "small")
    assert len(results.metrics) == len(results.trials) == 3
    for record in results.metrics:
        assert (record.metric, record.choice["options"]) == ("top_k(k=1)", {"k": 1})
        assert record.value == results.trials[record.trial].test.top1  # of the very same file


def test_what_was_computed_is_not_computed_again(root: Path) -> None:
    record, heard = run(suite(TOP_1), place(root))
    assert heard == []
    assert len(record.metrics) == 3
    _, heard = run(suite({**TOP_1, "name": "first"}), place(root))
    assert heard == []
    assert {found.metric for found in load_suite_results(Store(root), "small").metrics} == {"first"}


def test_another_metric_is_computed_alone_and_trains_nothing(root: Path) -> None:
    record, heard = run(suite("macro_f1", TOP_1, {"use": "top_k", "k": 3}), place(root))
    assert evaluated(heard) == [("metric macro_f1", 3, 3), ("metric top_k(k=3)", 3, 3)]
    assert not [message for message in heard if isinstance(message, TrialEnded)]
    assert record.trained == ()
    assert len(record.metrics) == 9
    fewer, heard = run(suite("macro_f1"), place(root))
    assert (len(fewer.metrics), heard) == (3, [])


def test_a_new_loss_lacks_more_than_those_before(root: Path) -> None:
    losses = ["cross_entropy", "kd", "logit_mse"]
    record, heard = run(suite(TOP_1, "macro_f1", losses=losses), place(root))
    assert sorted(evaluated(heard)) == [
        ("metric macro_f1", 1, 4),
        ("metric macro_f1", 3, 4),
        ("metric top_k(k=1)", 1, 1),
    ]
    assert len(record.metrics) == 8


def test_a_metric_without_a_figure_is_a_note_and_the_others_are_computed(root: Path, theirs: None) -> None:
    asked = [{"use": f"their_metrics:{name}", "name": name} for name in ("fussy", "broken", "not_finite", "many")]
    record, heard = run(suite(*asked, {"use": "top_k", "k": 11}, "macro_f1"), place(root, plugins=("their_metrics",)))
    assert record.notes == (
        "metric 'fussy' was not computed: it wants a thousand classes",
        "metric 'broken' was not computed: RuntimeError: struck by lightning",
        "metric 'not_finite' was not computed: it gave nan, not a finite number",
        "metric 'many' was not computed: it gave an array of the shape (10,), not a number",
        "metric 'top_k(k=11)' was not computed: k is 11, but the model tells only 10 classes apart",
    )
    assert evaluated(heard) == [("metric macro_f1", 3, 3)]
    assert {outcome.status for outcome in record.outcomes.values()} == {"done"}
    assert len(record.metrics) == 3


def test_a_model_that_is_damaged_costs_its_figures_and_no_more(root: Path) -> None:
    store = Store(root)
    key = next(entry.key for entry in store.latest_run("small").entries if entry.loss == "kd")
    (store.trial_folder(key) / Store.ONNX).write_bytes(b"not a graph")
    record, _ = run(suite("macro_f1"), place(root))
    assert {outcome.status for outcome in record.outcomes.values()} == {"done"}
    assert len(record.metrics) == 2
    assert any("a job broke after training" in note for note in record.notes)


def test_edited_code_is_another_metric(root: Path, theirs: None, tmp_path: Path) -> None:
    before = metric_key("trial", Choice(use="their_metrics:whole", origin="one"))
    assert metric_key("trial", Choice(use="their_metrics:whole", origin="two")) != before
    run(suite("their_metrics:whole"), place(root, plugins=("their_metrics",)))
    (tmp_path / "their_metrics.py").write_text(f"{THEIRS}\n# edited\n")
    record, heard = run(suite("their_metrics:whole"), place(root, plugins=("their_metrics",)))
    assert evaluated(heard) == [("metric their_metrics:whole", 3, 3)]
    assert Store(root).read(Store.METRICS, record.metrics[0], MetricRecord).value == 359


def compute(name: str, **options: object) -> float:
    use = name if name == "top_k" else f"their_metrics:{name}"
    metric = NamedChoice(use=use, options=options)
    return compute_metric(metric, LOGITS, LABELS, Catalog(["their_metrics"]))


def test_a_figure_may_be_any_real_number(theirs: None) -> None:
    assert (compute("whole"), type(compute("whole"))) == (4.0, float)
    assert compute("scalar") == LOGITS.mean()
    assert compute("top_k", k=2) == 0.75


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("fussy", "it wants a thousand classes"),
        ("broken", "RuntimeError: struck by lightning"),
        ("not_finite", "it gave nan, not a finite number"),
        ("many", "it gave an array of the shape"),
        ("yes", "it gave a bool, not a number"),
        ("sorts", "ValueError: sort array is read-only"),
        ("gone", "module 'their_metrics' has no 'gone'"),
    ],
)
def test_what_is_no_figure_says_why(theirs: None, name: str, said: str) -> None:
    before = LOGITS.copy()
    with pytest.raises(NoFigure) as caught:
        compute(name)
    assert said in str(caught.value)
    assert (before == LOGITS).all()
