"""Records of other machines and versions."""

from dataclasses import replace

from kdbench.analyze import summarize
from tests.records import edited, make_results


def test_records_of_another_machine_are_counted_once_each():
    results = make_results()
    keys = list(results.trials)
    versions = results.run.machine["versions"] | {"torch": "2.8.0"}
    elsewhere = {keys[0]: {"cpu": "Other CPU", "versions": versions}, keys[1]: {"cpu": "Other CPU"}}

    def move(record):
        changes = elsewhere.get(record.key, {})
        return record.model_copy(update={"machine": record.machine | changes | {"load_average": [9.0, 9.0, 9.0]}})

    timing = results.latencies[0].model_copy(update={"machine": results.run.machine | {"kdbench_source": "another"}})
    shared = results.run.model_copy(update={"entries": (*results.run.entries, results.run.entries[0])})
    found = summarize(replace(edited(results, trials=move), run=shared, latencies=(timing, *results.latencies[1:])))
    assert [(e.fact, e.value, e.trials, e.timings) for e in found.elsewhere] == [
        ("cpu", "Other CPU", 2, 0),
        ("torch", "2.8.0", 1, 0),
        ("kdbench_source", "another", 0, 1),
    ]
    assert summarize(results).elsewhere == ()
