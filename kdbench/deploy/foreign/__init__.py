"""ONNX files that the user brings."""
