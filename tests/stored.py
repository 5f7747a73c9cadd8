"""Hand-made results as the files of a store."""

from pathlib import Path

from kdbench.results import ResultSet, Store


def store_results(root: Path, results: ResultSet, **run: object) -> Store:
    """Write all records of a run, with files that stand for weights and for ONNX; `run` changes the run's record."""
    store = Store(root)
    for key, record in results.records.items():
        with store.new_trial(key) as folder:
            (folder / Store.TRIAL).write_text(record.model_dump_json())
            (folder / Store.WEIGHTS).write_bytes(b"weights")
    for key, artifact in results.artifacts.items():
        with store.new_artifact(key) as folder:
            (folder / Store.ARTIFACT).write_text(artifact.model_dump_json())
            (folder / Store.ONNX).write_bytes(key.encode())
    for key, evaluation in results.evaluations.items():
        store.write(Store.EVALUATIONS, key, evaluation)
    for key, latency in zip(results.run.latencies, results.latencies, strict=True):
        store.write(Store.LATENCY, key, latency)
    for key, throughput in zip(results.run.throughputs, results.throughputs, strict=True):
        store.write(Store.THROUGHPUT, key, throughput)
    store.write_run(results.run.model_copy(update=run))
    return store
