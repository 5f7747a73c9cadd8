"""Hand-made records with stages: networks beside those of the rows, with accuracies as given."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from kdbench.results import ResultSet, pack_bits
from kdbench.results.predictions import Predictions
from kdbench.spec import Entry, Trial

SAMPLES = 10


def right(predictions: Predictions, count: int) -> Predictions:
    """The first `count` of ten samples are predicted right."""
    bits = np.arange(SAMPLES) < count
    return predictions.model_copy(update={"samples": SAMPLES, "correct_bits": pack_bits(bits)})


def with_network(
    results: ResultSet,
    entry: Entry,
    trial: Trial,
    count: int,
    heads: Mapping[str, tuple[int, int]] | None = None,
) -> ResultSet:
    """The network of an entry, new or already there: `count` of its ten samples are right.

    `heads`: of each head, how many of ten are right among its own columns and among all.
    """
    like = next(e.key for e in results.run.entries if e.role == "teacher")
    record = results.records[like].model_copy(update={"key": entry.key, "trial": trial})
    artifact = next(each for each in results.artifacts.values() if each.trial == like and each.parity)
    (whole,) = (e for e in results.evaluations.values() if e.artifact == artifact.key and not e.condition)
    about = {"artifact": f"file of {entry.key}", "trial": entry.key}
    evaluations = {
        f"of {entry.key}": whole.model_copy(update={**about, "predictions": right(whole.predictions, count)})
    }
    for head, (own, among) in (heads or {}).items():
        figures = {"head": head, "predictions": right(whole.predictions, own), "top1_among_all": among / SAMPLES}
        evaluations[f"{head} of {entry.key}"] = whole.model_copy(update={**about, **figures})
    kept = {k: a for k, a in results.artifacts.items() if a.trial != entry.key}
    gone = {a.key for a in results.artifacts.values() if a.trial == entry.key}
    others = {k: e for k, e in results.evaluations.items() if e.artifact not in gone}
    entries = tuple(e for e in results.run.entries if (e.key, e.row) != (entry.key, entry.row))
    return replace(
        results,
        run=results.run.model_copy(update={"entries": (*entries, entry)}),
        records={**results.records, entry.key: record},
        artifacts={
            **kept,
            about["artifact"]: artifact.model_copy(update={"key": about["artifact"], "trial": entry.key}),
        },
        evaluations={**others, **evaluations},
    )
