"""From a trained module to an ONNX file that computes the same."""
