import kdbench  # noqa: F401 - before any onnxruntime, whose telemetry it turns off
