"""A suite with SimKD, whose students are deployed with a projector and their teacher's head."""

from pathlib import Path

import pytest

from kdbench import api
from kdbench.results import Store, load_suite_results
from kdbench.results.baselines.freezing import baseline_of
from tests.execute.running import place, run
from tests.small import small_suite


@pytest.mark.usefixtures("short_rounds")
def test_a_suite_runs_end_to_end(tmp_path: Path) -> None:
    pairs = [{"teacher": {"use": "cnn", "width": 4}, "student": {"use": "cnn", "width": 2}}]
    suite = small_suite(pairs=pairs, losses=["cross_entropy", "simkd"], seeds=2, conditions=[{"use": "contrast"}])
    run(suite, place(tmp_path))
    results = load_suite_results(Store(tmp_path), "small")
    assert {outcome.status for outcome in results.run.outcomes.values()} == {"done"}
    records = {(e.loss, e.seed): results.trials[e.key] for e in results.run.entries if e.role == "student"}
    simkd, plain = records["simkd", 0], records["cross_entropy", 0]
    assert simkd.model.architecture == records["simkd", 1].model.architecture != plain.model.architecture
    body = 1 * 2 * 9 + 2 + 2 * 4 * 9 + 4
    projector = 4 * 4 + 4 * 4 * 9 + 4 * 8 + 2 * (4 + 4 + 8)
    head = 8 * 2 * 2 * 16 + 16 + 16 * 10 + 10
    assert simkd.model.parameters == body + projector + head
    assert simkd.model.flops > plain.model.flops
    assert simkd.test.samples == 359
    timed = {record.architecture for record in results.latencies if record.kind == "latency"}
    assert simkd.model.architecture in timed
    assert [(model.role, model.rows) for model in baseline_of(results).models] == [
        ("teacher", ("cross_entropy",)),
        ("student", ("cross_entropy",)),
        ("student", ("simkd",)),
    ]
    for page in api.render(api.Results(results), tmp_path / "reports"):
        assert "simkd" in page.read_text("utf-8")
